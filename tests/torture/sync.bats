#!/usr/bin/env bats
# Each sync of each command fails, once or permanently, with a reader in the way of a checkpoint or without; other
# commands come after it; then the power fails. Acknowledged messages are there. Also a disk that really fails: Linux
# treats failed writes as written (lwn.net/Articles/752063).
#
# With TORTURE: all of them.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154

load torture
load ../disk

setup() {
  disk_setup
  READER=
}

teardown() {
  let_read
  disk_teardown
}

# Keep a reader in the way of a checkpoint, until let_read.
reads() {
  mkfifo reader
  sqlite3 "$CHAT_SPOOL" <reader >"has-read" &
  READER=$!
  BACKGROUND_PIDS+=("$READER")
  exec 8>reader
  echo 'BEGIN; SELECT count(*) FROM message;' >&8
  wait_until test -s has-read
}

let_read() {
  [[ $READER ]] || return 0
  exec 8>&-
  wait "$READER" || true
  READER=
  rm -f reader has-read
}

# The commands, which work on a room of ONE, TWO and THREE. $GONE is the message that may be missing afterwards, $NEW
# the one that must be there if the status is 0.
declare -gA COMMANDS=(
  [send]='chat-send new'
  [lines]='chat-send -l'
  [atomic]='chat-send -1 -l'
  [key]='chat-send -k key new'
  [drop]='chat-send -m 3 --drop new'
  [receive]='chat-recv'
  [all]='chat-recv -a'
  [run]='chat-recv -- cat'
  [fail]='chat-recv -- false'
  [dead]='chat-recv --dead other -- sh -c "exit 100"'
  [move]='chat-spool move -q main other'
  [delete]='chat-spool delete -q -y main'
  [config]='chat-spool config max-length 1000000'
  [compact]='chat-spool compact -q'
  [load]='chat-spool load -q'
)

# fresh FULL: create such a room, or copy the first one; FULL: the next commit empties the WAL.
fresh() {
  rm -rf disk/chat
  if [[ -e kept-$1 ]]; then
    cp -a "kept-$1" disk/chat
    chat-recv -q -p -r filler >first # the index as a command leaves it
    sync -f disk
  else
    printf '%s\n' ONE TWO THREE | chat-send -l
    chat-send -r filler first
    [[ ! $1 ]] || fill_wal 254
    cp -a disk/chat "kept-$1"
  fi
  printf 'new\n' >in
  [[ $2 != load ]] || echo '{"room":"main","body":"new"}' >in
}

# fill_wal FRAMES: send until the WAL has FRAMES frames. With 254, the next commit empties it (WAL_FRAMES in
# lib/sqlite/transaction.c): most are of one large message, then each message adds two.
fill_wal() {
  local n missing=$(($1 - $(frames)))
  ((missing < 40)) || head -c $(((missing - 20) * 4080)) /dev/urandom | chat-send -r filler
  for ((n = 0; n < 40 && $(frames) < $1; n++)); do chat-send -r filler "$n"; done
  assert [ "$(frames)" -ge "$1" ]
}

# frames: print how many frames the index of the WAL knows (sqlite.org/walformat.html, mxFrame).
frames() { od -An -tu4 -j16 -N4 "$CHAT_SPOOL-shm" | tr -d ' '; }

# syncs NAME FULL: print how often that command syncs the spool and its WAL.
syncs() {
  fresh "$2" "$1"
  eval "strace -f -qq -o trace -P '$CHAT_SPOOL-wal' -P '$CHAT_SPOOL' -e trace=fdatasync,fsync ${COMMANDS[$1]}" <in >out 2>err || true
  grep -cE 'f(data)?sync\(' trace || true
}

# sync_fails NAME FULL N WHEN READER: run that command, whose N-th sync fails, then other commands, and cut the power.
sync_fails() {
  local name=$1 when=$3$4
  fresh "$2" "$name"
  [[ ! $5 ]] || reads
  result=0
  eval "strace -f -qq -o trace -P '$CHAT_SPOOL-wal' -P '$CHAT_SPOOL' -e trace=fdatasync \
    -e inject=fdatasync:error=EIO:when=$when ${COMMANDS[$name]}" <in >out 2>err || result=$?
  after=0
  chat-send later || after=$?
  let_read
  power_cut
  count cuts
  chat-recv -p -a -o '%b\n' >left || [[ $? == 1 ]]
  chat-recv -p -a -r other -o '%b\n' >moved || [[ $? == 1 ]]
  judge "$name" || show_cut "$name, sync $3$4${2:+, emptying the WAL}${5:+, with a reader}"
}

judge() {
  local body gone='' new=''
  WHY='the spool is sound'
  chat-spool check -q >checked 2>&1 || return
  WHY='the status is 0, or one that fits'
  case $1-$result in
    *-0 | *-74 | fail-123 | dead-123 | *-75) ;;
    *) return 1 ;;
  esac
  WHY='messages sent afterwards are there'
  ((after == 0)) && grep -qx later left || return
  case $1 in
    send | lines | atomic | key | load) new=new ;;
    drop) new=new gone=ONE ;;
    delete) gone='ONE TWO THREE' ;;
  esac
  for body in ONE TWO THREE; do
    WHY="$body is there, or was handed over, or dropped by $1"
    grep -qx "$body" left moved out || [[ " $gone " == *" $body "* ]] || return
  done
  WHY='after status 0 the message is there'
  [[ $result != 0 || ! $new ]] || grep -qx "$new" left || return
  WHY='after status 0 delivered and deleted messages are gone'
  if ((result == 0)); then
    case $1 in
      receive | run) ! grep -qx ONE left ;;
      all | delete | move) ! grep -qxE 'ONE|TWO|THREE' left ;;
    esac
  fi
}

show_cut() {
  batslib_print_kv_single_or_multi 8 fault "$1" SEED "$SEED" status "$result, then $after" stderr "$(head -c 500 err)" \
    left "$(<left)" other "$(<moved)" out "$(<out)" check "$(<checked)" trace "$(tail -n 8 trace)" |
    batslib_decorate "not kept: $WHY" | fail
}

# each_sync SAMPLE: for all commands, SAMPLE of all the cases, or with TORTURE all.
each_sync() {
  local name full n when reader cases=() case total
  disk
  sample "$((${TORTURE:-0} ? ${#COMMANDS[@]} : 6))" "${!COMMANDS[@]}"
  for name in "${SAMPLE[@]}"; do
    for full in '' full; do
      total=$(syncs "$name" "$full")
      for ((n = 1; n <= total; n++)); do
        for when in '' +; do
          for reader in '' reader; do cases+=("$name:$full:$n:$when:$reader"); done
        done
      done
    done
  done
  assert [ "${#cases[@]}" -ge $((${#SAMPLE[@]} * 8)) ]
  sample "$((${TORTURE:-0} ? ${#cases[@]} : $1))" "${cases[@]}"
  for case in "${SAMPLE[@]}"; do
    IFS=: read -r name full n when reader <<<"$case"
    sync_fails "$name" "$full" "$n" "$when" "$reader"
  done
  tell "${SUM[cuts]} of ${#cases[@]} cases"
}

@test "after a power cut following any failed sync of any command every acknowledged message is there" {
  each_sync 14
}

@test "a control: a sync that is neither made nor reported loses acknowledged messages" {
  disk
  fresh '' send
  sync -f disk
  run -0 strace -qq -o trace -P "$CHAT_SPOOL-wal" -e trace=fdatasync -e inject=fdatasync:retval=0 chat-send -i new
  assert_regex "$output" '^[0-9]+$'
  power_cut
  run chat-recv -p -a
  refute_output --partial new
}

# ---------------------------------------------------------------- open rooms

# opened_fresh NAME FULL: create the spool of that command (prepare_opened) on the disk. FULL: the next commit empties the WAL.
opened_fresh() {
  rm -rf disk/chat
  SPOOL=$CHAT_SPOOL
  prepare "$1"
  : >given
  (($2 == 0)) || fill_wal 254
}

# opened_syncs INJECTION: run the command with that injection, and trace its syncs.
opened_syncs() {
  result=0
  strace -qq -o trace -P "$CHAT_SPOOL-wal" -P "$CHAT_SPOOL" -e trace=fdatasync ${1:+-e "inject=fdatasync:$1"} "${COMMAND[@]}" \
    <in >main.out 2>main.err || result=$?
}

# opened_sync_fails NAME FULL N WHEN: its N-th sync fails, another command runs after it, and the power fails.
opened_sync_fails() {
  local after=0
  opened_fresh "$1" "$2"
  opened_syncs "error=EIO:when=$3$4"
  chat-send -r meanwhile later || after=$?
  power_cut
  count cuts
  steps "${LOOK[@]}"
  kept || show_trial "sync $3$4 of $1 fails, full: $2"
  run -0 chat-recv -r meanwhile
  assert_equal "$after $output" '0 later'
}

@test "after a failed sync of any command about an open room and a power cut, each reader has its messages" {
  local name full n when cases=() case
  disk
  sample "$(dose 2 "${#OPENED[@]}")" "${OPENED[@]}"
  for name in "${SAMPLE[@]}"; do
    for full in 0 1; do
      opened_fresh "$name" "$full"
      opened_syncs ''
      for ((n = $(grep -c '^fdatasync(' trace); n > 0; n--)); do
        for when in '' +; do cases+=("$name:$full:$n:$when"); done
      done
    done
  done
  assert [ "${#cases[@]}" -ge 8 ]
  sample "$(dose 3 "${#cases[@]}")" "${cases[@]}"
  for case in "${SAMPLE[@]}"; do
    IFS=: read -r name full n when <<<"$case"
    opened_sync_fails "$name" "$full" "$n" "$when"
  done
  tell "${SUM[cuts]} of ${#cases[@]} cases; nothing done yet ${SUM[before]:-0}, all done ${SUM[after]:-0}"
}

@test "a control: a reader goes back if a sync is not made and not reported and the power fails" {
  disk
  opened_fresh seek-end 0
  assert [ -s "$SPOOL" ]
  sync -f disk
  opened_syncs retval=0
  assert_equal "$result" 0
  power_cut
  steps "${LOOK[@]}"
  ! kept || fail 'nothing is lost'
}

# ---------------------------------------------------------------- a disk that fails

# lacks_space FRAMES SIZE READER: send large messages until a sync fails for lack of space on the disk below the file
# system; then there is space again. Before, the WAL has FRAMES frames. $STORED messages are stored.
lacks_space() {
  local n=0
  fresh ''
  # Fill the disk so far that the next message needs new blocks anywhere.
  while (($(frames) < $1)); do chat-send -r filler "$((++n))"; done
  chat-send -r kept safe
  head -c "$2" /dev/urandom >large
  let_read
  [[ ! $3 ]] || reads
  exhausted
  STORED=0
  # The first message may find blocks that the WAL already has.
  for n in 1 2 3 4 5 6; do
    result=0
    strace -y -qq -o trace -e trace=fdatasync chat-send -r large -f large 2>err || result=$?
    [[ $result == 74 ]] || STORED=$((STORED + 1))
    ! grep -qE 'fdatasync.*= -1 E(NOSPC|IO)' trace || break
  done
  relieved
}

# real_failure FRAMES SIZE READER: a disk lacks space; then other processes send, and the power fails.
real_failure() {
  local n
  on_thin_disk lacks_space "$@"
  assert_regex "$(<trace)" 'fdatasync.*= -1 E(NOSPC|IO)'
  assert_regex "$result" '^(0|74)$'
  for n in 1 2 3; do chat-send -r after "$n"; done
  let_read
  power_cut
  run -0 chat-spool check
  run -0 chat-recv -r after -a
  assert_output $'1\n2\n3'
  run -0 chat-recv -r kept
  assert_output safe
  run -0 chat-recv -a
  assert_output $'ONE\nTWO\nTHREE'
  for ((n = 0; n < STORED; n++)); do
    chat-recv -n -r large >received
    cmp received large
  done
}

@test "messages sent after the disk had no space for a WAL survive a power cut" { real_failure 30 150000 ''; }
@test "messages sent after the disk had no space for a WAL, beside a reader, survive a power cut" { real_failure 30 150000 reader; }
@test "messages sent after the disk had no space for a WAL that is emptied survive a power cut" { real_failure 248 400000 ''; }

# The WAL has its blocks, but the spool itself does not.
lacks_space_for_checkpoint() {
  local n
  fresh ''
  head -c 1500000 /dev/urandom >large
  chat-send -r large -f large # a WAL that keeps its blocks
  for n in 1 2 3; do chat-send -r kept "$n"; done
  reads
  head -c 1000000 /dev/urandom >another
  exhausted
  chat-send -r another -f another || true
  let_read
  chat-send -r kept 4 || true # empties the WAL, into new blocks
  relieved
}

@test "messages sent after the disk had no space for a checkpoint survive a power cut" {
  local n
  on_thin_disk lacks_space_for_checkpoint
  for n in {1..150}; do chat-send -r after "$n"; done # which empty it, and begin it again
  power_cut
  run -0 chat-spool check
  run -0 chat-recv -r after -a
  assert_output "$(seq 150)"
  chat-recv -n -r large >received
  cmp received large
}

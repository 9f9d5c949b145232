#!/usr/bin/env bats
# Commands whose WAL has tens of MiB, killed before the calls that write, sync and empty it, and with these calls
# failing; on ext4, xfs and tmpfs. Afterwards the spool contains the messages from before or the complete result of the
# command.
#
# TORTURE=n: n times 20 kills and 20 failures for each command.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154

load torture
load ../disk

setup() {
  disk_setup
  MEMORY=
}

teardown() {
  disk_teardown
  [[ ! $MEMORY ]] || umount "$MEMORY"
}

# place_on KIND: put the spool on such a file system.
place_on() {
  case $1 in
    tmpfs)
      ((EUID == 0)) || skip 'only root can mount'
      mkdir memory
      mount -t tmpfs -o size=400M,mode=700 tmpfs memory 2>/dev/null || skip 'no right to mount'
      MEMORY=$PWD/memory
      export CHAT_SPOOL=$MEMORY/chat/spool.db
      ;;
    *) SIZE=400M disk "$1" ;;
  esac
  ROOT=${CHAT_SPOOL%/*}
}

# The commands, their spools, and their input.
declare -gA BEFORE=([large]=few [atomic]=few [one]=huge [all]=many [some]=many [compact]=gaps)
declare -gA COMMANDS=(
  [large]='chat-send -f large'
  [atomic]='chat-send -l -1'
  [one]='chat-recv -n'
  [all]='chat-recv -a'
  [some]='chat-recv -c 5000'
  [compact]='chat-spool compact -q'
)

few() {
  chat-send first
  chat-recv -q >first
  for n in 1 2 3; do chat-send "before $n"; done
}

huge() {
  chat-send -f large
  chat-send after
}

many() {
  few
  chat-send -l <lines
}

gaps() {
  few
  chat-send -r other -f large
  chat-send -r more -l <lines
  chat-spool delete -q -y other
}

# chat-spool check tests whether a body is unchanged.
contents_of_spool() { { chat-recv -p -a -r main -r other -r more -o '%r %i %l\n' || true; } | cksum; }

# faulty FAULT CALL N: run the command with that fault, on the original spool.
faulty() {
  local how=$1 call=$2 n=$3
  rm -rf "$ROOT"
  cp -a --sparse=always before "$ROOT"
  chat-recv -q -p >first || true # the index as a command leaves it
  result=0
  { eval "strace -f -qq -o trace -e trace=$call -e inject=$call:$how:when=$n ${COMMANDS[$NAME]}" <in >out 2>err; } || result=$?
  count trials
  chat-spool check -q >checked 2>&1 || show_fault "$1 at $2 $3: the spool is not sound"
  now=$(contents_of_spool)
  case $now in
    "$WAS") ((result)) || [[ $WAS == "$DONE" ]] || show_fault "$1 at $2 $3: status 0, and nothing was done" ;;
    "$DONE") [[ $how != error* || $result == 0 || $(<err) == *'may be stored'* || $NAME != @(large|atomic) ]] || show_fault "$1 at $2 $3: done, and not reported" ;;
    *) [[ $NAME == @(all|some|compact) ]] || show_fault "$1 at $2 $3: neither before nor after" ;;
  esac
}

show_fault() {
  batslib_print_kv_single_or_multi 8 command "${COMMANDS[$NAME]}" SEED "$SEED" status "$result" stderr "$(head -c 500 err)" check "$(<checked)" \
    trace "$(tail -n 3 trace | head -c 600)" | batslib_decorate "not kept: $1" | fail
}

CALLS=pwrite64,ftruncate,fdatasync,fsync,fallocate

# some_of SAMPLE: print calls of the trace, "NAME N": those that sync, truncate and allocate, the calls beside them, and
# a sample of the others.
some_of() {
  local rare others
  mapfile -t rare < <(awk '
    { call = $1 " " $2 } keep > 0 { print call; keep-- }
    $1 != "pwrite64" { if (last != "") print last; print call; keep = 2 }
    { last = call }' calls | awk '!seen[$0]++')
  mapfile -t others <calls
  sample "$1" "${rare[@]}"
  PICKED=("${SAMPLE[@]}")
  sample "$1" "${others[@]}"
  PICKED+=("${SAMPLE[@]}")
}

# on KIND NAME ...: test these commands there.
on() {
  local call how
  place_on "$1"
  head -c 12000000 /dev/urandom >large
  seq -f "%.0f $(printf 'x%.0s' {1..250})" 30000 >lines
  for NAME in "${@:2}"; do
    rm -rf "$ROOT" before
    "${BEFORE[$NAME]}"
    cp -a --sparse=always "$ROOT" before
    in=/dev/null
    [[ $NAME != atomic ]] || in=lines
    cp "$in" in
    WAS=$(contents_of_spool)
    eval "strace -f -qq -o trace -s 0 -e trace=$CALLS ${COMMANDS[$NAME]}" <in >out 2>err
    DONE=$(contents_of_spool)
    sed -E 's/^[0-9]+ +//; /^[a-z0-9]+\(/!d; s/\(.*//' trace | awk '{ print $1, ++n[$1] }' >calls
    assert [ "$(wc -l <calls)" -ge 10 ]
    for how in signal=KILL error=EIO; do
      some_of "$(dose 1 10)"
      for call in "${PICKED[@]}"; do faulty "$how" "${call% *}" "${call#* }"; done
    done
  done
  tell "${SUM[trials]} kills and failures on $1"
}

# bats test_tags=full
@test "commands with a large WAL that are killed or whose calls fail leave a sound spool on ext4" {
  local -a names=(large)
  [[ ${DOSE:-} != full && ! ${TORTURE:-} ]] || names+=(some)
  on ext4 "${names[@]}" ${TORTURE:+atomic one all compact}
}
# bats test_tags=full
@test "commands with a large WAL that are killed or whose calls fail leave a sound spool on xfs" {
  full_dose 'as on ext4'
  on xfs all ${TORTURE:+large}
}
# bats test_tags=full
@test "commands with a large WAL that are killed or whose calls fail leave a sound spool on tmpfs" {
  full_dose 'a third file system'
  on tmpfs one ${TORTURE:+atomic}
}

# The control: version 0.1.0 emptied a large WAL in two steps.
@test "a control: a WAL that is truncated and then wiped destroys a spool when a command is killed" {
  place_on ext4
  head -c 12000000 /dev/urandom >large
  few
  strace -qq -o trace -P "$CHAT_SPOOL-wal" -e trace=ftruncate -e inject=ftruncate:signal=KILL:when=1 chat-send -f large || true
  truncate -s 3145728 "$CHAT_SPOOL-wal"
  rm -f "$CHAT_SPOOL-shm"
  run sqlite3 "$CHAT_SPOOL" 'PRAGMA integrity_check'
  refute_output ok
}

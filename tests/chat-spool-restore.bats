#!/usr/bin/env bats
# chat-spool restore: a backup replaces the contents of a spool while other processes use it; no message is lost or
# deleted without notice, and no id is used again. Also a backup over an old backup that was used. TORTURE=1 or more
# kills before every system call.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load helper

# ---------------------------------------------------------------- tools

# saved: put five messages in two rooms into the spool and saved.db, and then others into the spool instead.
saved() {
  seq 3 | chat-send -l
  printf '%s\n' four five | chat-send -l -r jobs
  chat-spool backup saved.db
  chat-recv -a >/dev/null
  chat-send later
  chat-send -r young later
}

# restored: the spool contains the messages of saved.db.
restored() {
  [[ $(rows) == "$(rows saved.db)" ]] || diff <(rows) <(rows saved.db) | fail
  sound
  run -0 chat-spool check
}

# ---------------------------------------------------------------- the messages

@test "restore replaces the messages, rooms and settings of the spool by those of a backup" {
  chat-spool config default-room box
  chat-spool config max-length 1000
  saved
  chat-spool config default-room other
  run --separate-stderr -0 chat-spool restore -y saved.db
  assert_equal "$output$stderr" ''
  restored
  run -0 chat-spool config
  assert_output $'max-length 1000\ndefault-room box'
  run -0 chat-recv -a -r box
  assert_output $'1\n2\n3'
}

@test "restore gives no id again that was given since the backup" {
  local last
  saved
  last=$(chat-send -i last)
  chat-spool restore -y saved.db
  run -0 chat-send -i new
  assert [ "$output" -gt "$last" ]
  # Nor the ids of a backup of a spool with higher ids.
  seq 1000 | chat-send -l -s far.db
  chat-recv -a -s far.db >/dev/null
  chat-spool backup -s far.db far-saved.db
  chat-spool restore -y far-saved.db
  run -0 chat-send -i new
  assert [ "$output" -gt 1000 ]
}

@test "restore recreates a lost spool and gives ids far above those of the backup" {
  local last
  saved
  last=$(chat-send -i last)
  rm -r "${SPOOL%/*}"
  run --separate-stderr -0 chat-spool restore saved.db </dev/null
  assert_equal "$output$stderr" ''
  restored
  assert_equal "$(stat -c %a "${SPOOL%/*}" "$SPOOL" | tr '\n' ' ')" '700 600 '
  run -0 chat-send -i new
  assert [ "$output" -gt "$last" ]
}

@test "restore replaces a damaged spool, however badly damaged" {
  local damage last
  saved
  last=$(chat-send -i last)
  closed "$SPOOL"
  cp "$SPOOL" sane.db
  for damage in 'printf rubbish' 'head -c 4096 /dev/urandom' 'head -c 20000 /dev/urandom' 'head -c 100 sane.db' true; do
    rm -f "$SPOOL"-{wal,shm}
    if [[ $damage == printf* || $damage == *sane.db || $damage == true ]]; then
      $damage >"$SPOOL"
    else
      cp sane.db "$SPOOL"
      $damage | dd of="$SPOOL" conv=notrunc status=none
    fi
    run -65 chat-send x
    run --separate-stderr -0 chat-spool restore -y saved.db
    restored
    run -0 chat-send -i new
    assert [ "$output" -gt "$last" ]
  done
}

@test "restore does not change the backup, which can be restored again" {
  local before
  saved
  before=$(sha256sum <saved.db)
  chat-spool restore -y saved.db
  chat-recv -a >/dev/null
  chat-spool restore -y saved.db
  restored
  assert_equal "$(sha256sum <saved.db)" "$before"
  # Messages that were sent to the backup belong to it, even while they are in its WAL.
  chat-send -s saved.db addition
  chat-spool restore -y saved.db
  run -0 chat-recv -a
  assert_output $'1\n2\n3\naddition'
}

@test "restore asks before it replaces messages, and needs -y without a terminal" {
  local before
  saved
  before=$(rows)
  run --separate-stderr chat-spool restore
  assert_usage chat-spool
  assert_equal "${stderr%%$'\n'*}" 'chat-spool: a FILE to restore from is required'
  run --separate-stderr chat-spool restore saved.db </dev/null
  assert_usage chat-spool
  assert_equal "${stderr%%$'\n'*}" 'chat-spool: standard input is not a terminal; use -y to confirm'
  run on_terminal chat-spool restore saved.db <<<n
  assert_equal "$status" 1
  assert_output "Replace all messages of the spool by those of 'saved.db'? [y/N] chat-spool: nothing restored"
  assert_equal "$(rows)" "$before"
  run -0 on_terminal chat-spool restore saved.db <<<y
  restored
}

@test "restore refuses a file that is not a sound spool, and changes nothing" {
  local before page
  saved
  before=$(rows)
  run --separate-stderr chat-spool restore -y nothere.db
  assert_error 74 'chat-spool: '
  [[ $stderr == *nothere.db* ]]
  assert_not_exist nothere.db
  echo precious >text
  run --separate-stderr chat-spool restore -y text
  assert_error 65 'chat-spool: '
  : >empty
  run --separate-stderr chat-spool restore -y empty
  assert_error 65 'chat-spool: '
  page=$(sqlite3 saved.db "SELECT pageno FROM dbstat WHERE name = 'message_key'")
  unsound 'broken.db is'
  cp saved.db broken.db
  head -c 4096 /dev/urandom | dd of=broken.db bs=4096 seek=$((page - 1)) conv=notrunc status=none
  run --separate-stderr chat-spool restore -y broken.db
  assert_error 65 'chat-spool: '
  [[ $stderr == *'broken.db'*'nothing was restored' ]]
  run --separate-stderr chat-spool restore -y "$SPOOL"
  assert_error 73 'chat-spool: '
  run --separate-stderr chat-spool restore -y
  assert_usage chat-spool
  assert_equal "$(rows)" "$before"
  assert_not_exist "$SPOOL-restore"
  run -0 chat-spool check
}

# ---------------------------------------------------------------- other programs that use the spool

@test "a waiting receiver and a connected sender continue with the restored messages" {
  saved
  chat-recv -qa -r main >/dev/null
  chat-spool delete -qy jobs
  mkfifo lines
  background chat-recv -F -r main >out
  local receiver=$BACKGROUND_PID
  background bash -c 'exec chat-send -l -r sent <lines'
  exec 7>lines
  echo before >&7
  wait_until eval 'chat-spool list -1 | grep -qx sent'
  wait_blocked "$receiver"
  chat-spool restore -y saved.db
  wait_until file_has out 3
  echo after >&7
  exec 7>&-
  finish "$BACKGROUND_PID"
  assert_success
  chat-send -r main last
  wait_until file_has out last
  assert_bytes out '1\n2\n3\nlast\n'
  run -0 chat-recv -a -r sent
  assert_output after
  run -0 chat-recv -a -r jobs
  assert_output $'four\nfive'
  run -0 chat-spool check
}

@test "restore waits for a claimed message, and lets no other one be claimed until then" {
  saved
  mkfifo go
  background chat-recv -r young -- sh -c 'echo begun >begun; read -r line <go'
  local receiver=$BACKGROUND_PID
  wait_until test -s begun
  background chat-spool restore -y saved.db
  local restore=$BACKGROUND_PID
  # It holds all other claims.
  wait_until eval '! chat-recv -q -p -r main >/dev/null'
  run -1 chat-recv -r main
  echo >go
  finish "$receiver"
  assert_success
  finish "$restore"
  assert_success
  restored
}

@test "a restore that is killed while it waits withholds no message from a receiver" {
  saved
  mkfifo go
  background chat-recv -r young -- sh -c 'echo begun >begun; read -r line <go'
  wait_until test -s begun
  local receiver=$BACKGROUND_PID
  background chat-spool restore -y saved.db
  wait_until eval '! chat-recv -q -p -r main >/dev/null'
  background chat-recv -w -r main >out
  wait_blocked "$BACKGROUND_PID"
  kill -KILL "${BACKGROUND_PIDS[-2]}"
  finish "$BACKGROUND_PID"
  assert_bytes out 'later\n'
  echo >go
  finish "$receiver"
  assert_success
  run -0 chat-spool check
}

@test "concurrent senders and receivers lose nothing that was sent after a restore" {
  local n pids=()
  seq 200 | chat-send -l -r ballast
  chat-spool backup saved.db
  background bash -c 'i=0; until [[ -e stop ]]; do i=$((i + 1)); chat-send "$i" || echo wrong >>wrong; echo $i >new && mv new sent; done'
  pids+=("$BACKGROUND_PID")
  background bash -c 'until [[ -e stop ]]; do chat-recv -q -c 3 || (($? == 1)) || echo wrong >>wrong; done >out'
  pids+=("$BACKGROUND_PID")
  for n in {1..5}; do
    wait_until test -s out
    run --separate-stderr -0 timeout 60 chat-spool restore -y saved.db
    n=$(cat sent)
    wait_until eval "(( \$(cat sent) > $n + 3 ))"
  done
  touch stop
  for n in "${pids[@]}"; do finish "$n"; done
  assert_not_exist wrong
  chat-recv -qa >>out || [[ $? == 1 ]]
  # No message is received twice, and no message sent after the last restore is missing.
  run bash -c 'sort -n out | uniq -d'
  assert_output ''
  run awk -v last="$(cat sent)" '{ seen[$1] } END { for (i = last - 2; i <= last; i++) if (!(i in seen)) print i }' out
  assert_output ''
  run -0 chat-recv -a -r ballast
  assert_output "$(seq 200)"
  run -0 chat-spool check
}

# ---------------------------------------------------------------- killed

old_or_new() {
  local seen
  seen=$(timeout 20 chat-recv -p -a 2>rest | tr '\n' ' ')
  case $seen in
  'later ') OLD=$((OLD + 1)) ;;
  '1 2 3 ') NEW=$((NEW + 1)) ;;
  *)
    WHY="the spool holds $seen"
    return 1
    ;;
  esac
  WHY='a new message has an old id'
  (($(chat-send -i -r new x) > LAST)) || return 1
  WHY='the spool is not sound'
  chat-spool check >rest 2>&1 || return 1
  WHY='the backup cannot be restored again'
  chat-spool restore -y saved.db 2>rest && chat-spool check -q >rest
}

# bats test_tags=full
@test "a restore that is killed before any system call leaves the old messages or the new ones, and can be run again" {
  command -v strace >/dev/null || skip 'needs strace'
  ! sanitized || skip 'a sanitized program makes too many calls'
  : >in
  saved
  LAST=$(chat-send -i -r other x)
  keep_spool
  OLD=0 NEW=0
  local calls=$CHANGING
  [[ ! ${TORTURE:-} || $TORTURE == 0 ]] || calls='.*'
  at_each_call old_or_new signal=KILL "$calls" chat-spool restore -y saved.db
  assert [ "$OLD" -ge 3 ]
  assert [ "$NEW" -ge 1 ]
}

# ---------------------------------------------------------------- backup over an old backup

@test "a backup replaces an old one from which messages were received" {
  saved
  run -0 chat-recv -s saved.db
  assert_output 1
  assert [ -s saved.db-wal ]
  chat-send -r new x
  run --separate-stderr -0 chat-spool backup -y saved.db
  assert_stderr ''
  restored
  run -0 chat-recv -s saved.db -r new
  assert_output x
}

@test "a backup does not replace a file that belongs to another spool" {
  local suffix
  chat-send hello
  chat-send -s other.db precious
  for suffix in -wal -shm -lock -reserve; do
    run --separate-stderr -73 chat-spool backup -y other.db$suffix
    assert_equal "$stderr" "chat-spool: cannot write '$PWD/other.db$suffix': it would be a file of the spool '$PWD/other.db'"
  done
  run -0 chat-recv -s other.db
  assert_output precious
  # Without a spool it is a name like any other.
  run -0 chat-spool backup -q another-wal
}

@test "a backup does not replace a spool that another program has open" {
  chat-send one
  chat-send -s used.db two
  background chat-recv -s used.db -w -r none
  wait_blocked "$BACKGROUND_PID"
  run --separate-stderr chat-spool backup -y used.db
  assert_error 73 'chat-spool: '
  [[ $stderr == *'restore'* ]]
  run -0 chat-recv -s used.db
  assert_output two
}

# places: create spools and other files, and try to write a backup to each place, and to restore from it.
places() {
  local name
  mkdir place && cd place || return
  chat-send -s s.db -u u one
  chat-send -s other.db -u u two
  echo text >text.db
  mkdir directory.db sub
  mkfifo pipe.db
  ln -s other.db link.db
  : >empty.db
  cp other.db copy.db && cp other.db-wal copy.db-wal
  cp other.db broken.db && head -c 5000 /dev/zero >broken.db-wal
  cp other.db bare.db && : >bare.db-wal
  cp text.db plain.db && : >plain.db-wal
  for name in s.db{,-wal,-shm,-lock,-reserve,-group,-bell,-gone,-new,-repair,-restore,-other,x} other.db{-wal,-shm,-lock,-reserve,-bell,-new} none{,-wal,-lock} \
    sub/s.db-wal sub/../s.db-new ./-wal none/x.db text.db directory.db pipe.db link.db empty.db copy.db broken.db bare.db plain.db; do
    echo "> $name"
    # The index need not outlive its processes.
    [[ $name == *-shm ]] || timeout 20 chat-spool restore -y -s s.db "$name" 2>&1 </dev/null || echo "restore $?"
    timeout 20 chat-spool backup -q -y -s s.db "$name" 2>&1 </dev/null || echo "backup $?"
    echo "$(chat-recv -p -a -s s.db 2>&1) $(chat-recv -p -a -s other.db 2>&1)"
  done
}

@test "each place of a backup is used or refused as recorded" {
  unsound 'some are not spools'
  places | sed "s|$PWD/place/||g" | is_recorded data/places.txt
}

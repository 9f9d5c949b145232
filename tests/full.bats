#!/usr/bin/env bats
# A large transaction that fails, or whose process is killed, returns the space that it took.

# Bats runs each test in its own shell.
# shellcheck disable=SC2030,SC2031

load helper

teardown() {
  local result=0
  chat_teardown || result=$?
  [[ ! ${SMALL:-} ]] || umount -l "$SMALL"
  return "$result"
}

# small: mount a file system of 24 MiB at ./small, and use a spool there.
small() {
  ((EUID == 0)) || skip 'only root can mount'
  mkdir small
  mount -t tmpfs -o size=24m,mode=700 tmpfs small 2>/dev/null || skip 'no right to mount'
  SMALL=$PWD/small
  export CHAT_SPOOL=$SMALL/chat/spool.db
  chat-send first
}

available() { df --output=avail -k small | tail -n 1; }

wal_is_large() { (($(stat -c %s "$1-wal" 2>/dev/null || echo 0) > 4000000)); }

@test "an atomic send that does not fit on the disk returns the space that it took" {
  local before lines failed=0
  small
  chat-recv >received
  before=$(available)
  # Some of these transactions do not fit in the WAL, and some fit there, but not in the spool as well.
  for lines in 35000 40000 45000 50000 60000 1000000; do
    run --separate-stderr chat-send -l -1 -r large < <(seq -f '%0200.0f' "$lines")
    if ((status == 0)); then
      run -0 chat-spool delete -q -y large
      run -0 chat-spool compact -q
    else
      assert_error 74 'chat-send: cannot '
      failed=$((failed + 1))
    fi
    (($(available) + 512 >= before)) || fail "$lines lines, status $status: $before KiB before, $(available) after"
    run -0 chat-spool list -1
    assert_output ''
    chat-send "$lines"
    run -0 chat-recv
    assert_output "$lines"
  done
  ((failed >= 3)) || fail "only $failed did not fit"
}

@test "an atomic send that fails when it commits leaves the file as large as it was" {
  local spool calls size
  needs strace
  ! sanitized || skip 'a sanitized program makes too many system calls'
  seq -f '%0200.0f' 2000 >in # less than the WAL may keep
  for spool in trial.db s.db; do
    export CHAT_SPOOL=$PWD/$spool
    chat-send first
    size=$(stat -c %s "$spool")
    strace -qq -o trace -P "$CHAT_SPOOL-wal" -e trace=pwrite64 ${calls:+-e "inject=pwrite64:error=ENOSPC:when=$((calls - 1))+"} \
      chat-send -l -1 <in 2>error || status=$?
    calls=$(grep -c '^pwrite64' trace)
  done
  assert_equal "$status" 74
  assert_equal "$(stat -c %s s.db)" "$size"
  chat-send second
  run -0 chat-recv -a
  assert_output $'first\nsecond'
}

@test "the next commit returns the space that a killed atomic send took" {
  needs strace
  export CHAT_SPOOL=$PWD/s.db
  chat-send first
  seq -f '%0200.0f' 50000 >in
  stop_at 'pwrite64 3000' -P s.db-wal -P "$PWD/s.db-wal" chat-send -l -1
  [[ $STOPPED ]] || fail 'it was not stopped'
  wal_is_large s.db || fail 'the WAL is not large yet'
  kill -KILL "$STOPPED"
  wait_until process_ended "$STOPPED"
  chat-send second
  ! wal_is_large s.db || fail 'the WAL is as large as before'
  run -0 chat-recv -a
  assert_output $'first\nsecond'
}

# fill: fill the file system to the last block.
fill() { dd if=/dev/zero of=small/filling bs=4k status=none 2>/dev/null || true; }

@test "on a full disk readers receive all that is there, and the room is trimmed" {
  local sent name
  small
  chat-recv >received
  chat-spool open -k 0 tea
  for name in bob carol; do chat-spool seek "tea/$name" start; done
  sent=1000
  seq -f '%0200.0f' "$sent" | chat-send -l -r tea
  fill
  head -c 100000 /dev/zero >large
  run chat-send -r tea -f large
  assert_equal "$status" 74
  chat-recv -a -r tea/bob | cmp - <(seq -f '%0200.0f' "$sent")
  assert_equal "$(chat-spool list -j tea | jq .depth)" "$sent"
  chat-recv -a -r tea/carol | cmp - <(seq -f '%0200.0f' "$sent")
  # The room deletes what both have read; it may keep a part until there is space.
  (($(chat-spool list -j tea | jq .depth) < sent))
  run -1 chat-recv -q -r tea/bob
  rm small/filling
  chat-send -r tea after
  run -0 chat-recv -r tea/bob
  assert_output after
  run -0 chat-recv -r tea/carol
  chat-spool compact -q
  assert_equal "$(chat-spool list -j tea | jq .depth)" 0
}

@test "on a full disk a message whose command failed stays, and a send that fails takes none from a reader" {
  small
  chat-recv >received
  chat-spool open -k 0 -m 100 tea
  chat-spool seek tea/bob start
  seq 100 | chat-send -l -r tea
  fill
  run chat-recv -q -r tea/bob -- false
  assert_regex "$status" '^(123|74)$'
  # A sender that fails changes nothing.
  head -c 1000000 /dev/zero >large
  run chat-send -r tea -f large
  assert_equal "$status" 74
  run -0 chat-recv -a -r tea/bob
  assert_output "$(seq 100)"
  rm small/filling
  run -0 chat-spool readers -j tea
  assert_equal "$(jq -c '[.unread, .missed]' <<<"$output")" '[0,0]'
}

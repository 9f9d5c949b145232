#!/usr/bin/env bats
# Clocks: the time is the server's, and a machine that was suspended during its work notices that.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load fault

setup_file() { cluster_for_file; }
teardown_file() { cluster_end; }

sql() { node_sql node1 -d "$DATABASE" "$@"; }

# lifetime: print how long after its sending the last message expires, in seconds.
lifetime() { sql 'SELECT round((expires - chat.now()) / 1000.0) FROM chat.message ORDER BY id DESC LIMIT 1'; }

# suspended_stream [NAME=VALUE]: suspend a stream with -x 1h for two hours between two lines.
suspended_stream() {
  local keep
  mkfifo in
  exec {keep}<>in
  eval "background env \"\$@\" SUSPENDED=$PWD/suspended LD_PRELOAD=$CHAT_FAULTS/suspend.so bash -c 'exec chat-send -l -x 1h <in' $keep<&-"
  echo before >&"$keep"
  wait_until stored 1
  run -0 lifetime
  ((output > 3500 && output <= 3600)) || fail "before: $output"
  echo 7200 >suspended
  echo after >&"$keep"
  wait_until stored 2
  exec {keep}<&-
  finish "$BACKGROUND_PID"
  assert_success
}
stored() { [[ $(sql 'SELECT count(*) FROM chat.message') == "$1" ]]; }

@test "after a suspend chat-send -x counts from the current time" {
  suspended_stream
  run -0 lifetime
  ((output > 3500 && output <= 3600)) || fail "after: $output"
}

@test "after a suspend of a virtual machine with all its clocks chat-send -x stores no expired message" {
  suspended_stream SUSPENDED_VM=1
  run -0 lifetime
  ((output > 3500 && output <= 3600)) || fail "after: $output"
}

@test "a receiver that waits for a delayed message sleeps until a wall-clock time, which a suspend does not move" {
  chat-send -d 1h later
  background strace -f -e trace=timerfd_create,timerfd_settime -o trace chat-recv -w
  wait_until grep -q 'timerfd_settime(.*TFD_TIMER_ABSTIME|TFD_TIMER_CANCEL_ON_SET.*= 0' trace
  run -0 grep -oE 'it_value=\{tv_sec=[0-9]+' trace
  local end=${output##*=}
  ((end > $(date +%s) + 3500 && end <= $(date +%s) + 3601)) || fail "until $end"
}

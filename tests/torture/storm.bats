#!/usr/bin/env bats
# Senders and receivers of all kinds, each killed at random moments again and again: a thousand kills, TORTURE times.
# Acknowledged messages are there or were delivered; only the messages of a killed receiver were delivered twice.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154

load torture

setup() {
  torture_setup
  mkdir tried acknowledged seen
  mkfifo clock ended
  : >kills
  KILLS=$(dose 60 1000)
  WAIT_LIMIT=$((60 + KILLS))
  export RANDOM_SEED=$SEED
  export -f torment pause sender receiver
}

# pause MICROSECONDS: sleep, without setting the clock.
pause() { read -r -t "$(printf '0.%06d' "$1")" <>clock || true; }

# torment COMMAND [ARG ...]: run it, and kill it at a random moment; its status is in $result. The range of the moments
# is chosen so that half of the runs are killed.
torment() {
  : "${time:=20000}"
  "$@" <&0 &
  pause $((RANDOM * 32768 % time + RANDOM % time + 1))
  kill -KILL $! 2>/dev/null
  wait $!
  result=$?
  if ((result == 137)); then
    printf k >>kills
    time=$((time + time / 8))
    ((time < 250000)) || time=250000
  else
    time=$((time - time / 8 + 8))
  fi
}

# sender NAME COUNT COMMAND [ARG ...]: send lines "NAME N GROUP", COUNT each time, with the next numbers whether it was
# killed or not.
sender() {
  local name=$1 count=$2 i=0 group=0 last
  shift 2
  RANDOM=$((RANDOM_SEED + ${#name} + $(printf %d "'$name")))
  until [[ -e stop ]]; do
    group=$((group + 1))
    for ((last = i + count; i < last; )); do echo "$name $((++i)) $group"; done >"lines-$name"
    cat "lines-$name" >>"tried/$name"
    torment "$@" <"lines-$name"
    case $result in
      0) cat "lines-$name" >>"acknowledged/$name" ;;
      137) ;;
      *) echo "sender $name: $result" >>wrong ;;
    esac
  done
}

# receiver NAME COMMAND [ARG ...]: store the messages of each run in a separate file, whose name shows whether the run
# was killed.
receiver() {
  local name=$1 n=0
  shift
  RANDOM=$((RANDOM_SEED + $(cksum <<<"$name" | cut -c 1-4)))
  until [[ -e stop ]]; do
    n=$((n + 1))
    torment "$@" >"seen/$name.$n"
    case $result in
      0 | 1) ;;
      137) mv "seen/$name.$n" "seen/$name.$n.killed" ;;
      *) echo "receiver $name: $result" >>wrong ;;
    esac
  done
}

# Start each of them in the background. All of them, and their children, hold the pipe "ended" open as standard error.
start() {
  [[ ${ENDED:-} ]] || {
    background cat ended >said
    ENDED=$BACKGROUND_PID
    exec {held}>ended
  }
  background "$BASH" -c '"$@"' start "$@" 2>ended
}

acknowledged() { cat acknowledged/* 2>/dev/null | wc -l; }

# True if there were enough kills, and messages were delivered between them.
seen_enough() { [[ -e wrong ]] || (($(stat -c %s kills) >= KILLS && $(acknowledged) >= KILLS / 4)); }

# storm: wait until there was enough to see, and then until all processes have ended.
storm() {
  wait_until seen_enough
  touch stop
  exec {held}>&-
  wait_until process_ended "$ENDED"
  [[ ! -e wrong ]] || fail "$(cat wrong; grep ^chat- said)"
}

# look: collect the remaining messages, and the delivered ones without lines that a kill has truncated.
look() {
  local file
  run -0 chat-spool check -q
  chat-recv -q -a >seen/rest || [[ $? == 1 ]]
  for file in seen/*; do [[ -z $(tail -c 1 "$file") ]] || sed -i '$d' "$file"; done
  cat seen/* | sort >sights
  sort -u sights >all
  sort acknowledged/* >acknowledged-all
}

lost() { comm -13 all acknowledged-all; }

@test "random kills lose nothing, keep the order of the remaining messages, and duplicate only a killed receiver's messages" {
  local pid file
  start sender a 1 chat-send -f -
  start sender b 1 chat-send -f -
  start sender c 3 chat-send -l
  start sender d 3 chat-send -1 -l
  start receiver plain chat-recv -q -t 0.2
  start receiver all chat-recv -q -a -t 0.2
  start receiver follow chat-recv -q -F -t 1
  start receiver run chat-recv -q -t 0.2 -- sh -c 'echo "$(cat)"'
  start receiver parallel chat-recv -q -F -t 1 -P 3 -- sh -c 'echo "$(cat)"'
  storm
  look
  run lost
  assert_output ''
  run comm -23 all <(sort tried/*)
  assert_output ''
  # All or none of the messages of each atomic group are there.
  run awk '$1 == "d" { n[$3]++ } END { for (g in n) if (n[g] != 3) print "group " g ": " n[g] }' all
  assert_output ''
  # A message that was delivered more than once was delivered by killed receivers in all runs but one.
  run awk 'FILENAME !~ /killed$/ && seen[$0]++ { print FILENAME ": again " $0 }' seen/*
  assert_output ''
  # The messages left to the last receiver are in order. (Before, a receiver may get a message of a killed one after
  # later messages.)
  run awk '$2 + 0 <= last[$1] { print $0 " after " last[$1] } { last[$1] = $2 + 0 }' seen/rest
  assert_output ''
  tell "$(stat -c %s kills) kills; $(wc -l <acknowledged-all) messages acknowledged, none lost;" \
    "$(uniq -d sights | wc -l) handed over twice; $(wc -l <seen/rest) left in the end"
}

@test "a receiver that is killed and started again and again gets everything in order" {
  KILLS=$((KILLS / 5))
  start sender a 1 chat-send -f -
  start sender b 2 chat-send -l
  # With a single receiver the first delivery of each message is in order, whatever was killed before.
  export -f again
  start again
  storm
  chat-recv -q -a >>all-seen || [[ $? == 1 ]]
  run awk '!seen[$0]++ { if ($2 + 0 <= last[$1]) print $0 " after " last[$1]; last[$1] = $2 + 0 }' all-seen
  assert_output ''
  run comm -13 <(sort -u all-seen) <(sort acknowledged/*)
  assert_output ''
  tell "$(stat -c %s kills) kills; $(cat acknowledged/* | wc -l) messages acknowledged, none lost, all in order"
}

again() {
  local how words
  until [[ -e stop ]]; do
    for how in -a '-F -t 0.2' '-c 9 -t 0.2'; do
      read -ra words <<<"$how"
      torment chat-recv -q "${words[@]}" >one
      ((result == 0 || result == 1 || result == 137)) || echo "receiver $how: $result" >>wrong
      # A line truncated by the kill is not a message.
      [[ -z $(tail -c 1 one) ]] || sed -i '$d' one
      cat one >>all-seen
    done
  done
}

# The control: bytes that a pipe has accepted count as delivered, and the process that reads them may be killed.
@test "a control: a receiver behind a pipe loses messages when it is killed" {
  KILLS=60
  start sender a 1 chat-send -f -
  start receiver pipe bash -c 'message=$(chat-recv -q -t 0.2) && pause 50000 && echo "$message"'
  start receiver pipes bash -c 'message=$(chat-recv -q -t 0.2) && pause 50000 && echo "$message"'
  storm
  look
  assert grep -q '^a ' all
  assert [ "$(lost | wc -l)" -ge 1 ]
}

#!/usr/bin/env bats
# The power fails while senders and receivers work: a file system is cut off from its disk (tests/fault/power.c), all
# processes are killed, it is mounted again, and its journal recovers the data that had reached the disk. Acknowledged
# messages are in the spool, or in a receiver's file. (Data in a cache of the disk itself is not lost here.)
#
# TORTURE=n: n times 40 cuts on ext4, 10 on xfs, and 40 with an open room; and the same numbers for ext4 and xfs with a
# WAL of more than 10 MiB. Power cuts between single commands are in tests/power.bats.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2153,SC2154

load torture
load ../disk

setup() {
  torture_setup
  POWER=$FAULTS/power
  mkdir acknowledged seen
  HUGE=
}

teardown() { disk_teardown; }

# sender NAME [lines | huge]: send "NAME 1", "NAME 2", ..., and record which messages were acknowledged, with their ids,
# if the disk still accepts something after the acknowledgement (see tests/power.bats).
sender() {
  background env LD_PRELOAD="$UNSAFE_SENDER" NOSYNC='fsync fdatasync' bash -c '
    n=$(cat "next-$1" 2>/dev/null || echo 1)
    while
      if [[ $2 == huge ]]; then
        last=$((n + 300000 + RANDOM))
        ids=$(seq -f "$1 %.0f" "$n" "$last" | chat-send -1 -l -i)
      elif [[ $2 ]]; then
        last=$((n + RANDOM % 40))
        ids=$(seq -f "$1 %.0f" "$n" "$last" | chat-send -l -i)
      else
        last=$n
        ids=$(chat-send -i "$1 $n")
      fi
      result=$?
      ((result == 0)) && : >"disk/alive-$1"
    do
      paste -d " " <(seq -f "$1 %.0f" "$n" "$last") - <<<"$ids" >>"acknowledged/$1"
      n=$((last + 1))
    done
    [[ -e cutting ]] || echo "$1: $result" >>wrong
    # Messages that were not acknowledged may be there. So the next sender begins with numbers that were not tried.
    echo $((n + ${2:+400000} + 100)) >"next-$1"
    touch "ended-$1"
  ' sender "$@" 2>>errors
}

# receiver FILE OPTION ...: receive again and again.
receiver() {
  background env LD_PRELOAD="$UNSAFE_RECEIVER" NOSYNC='fsync' bash -c '
    file=$1
    shift
    while chat-recv -q "$@" >>"$file"; result=$?; ((result <= 1)); do :; done
    [[ -e cutting ]] || echo "$file: $result" >>wrong
  ' receiver "$@" 2>>errors
}

# noted NAME: that sender has ended, and recorded where its next one begins.
noted() { [[ -e wrong || -e ended-$1 ]]; }

# at_work ROUND: start senders, and receivers that write to a file on another disk and to files on the same disk; in
# some rounds no receivers, so that messages remain.
at_work() {
  local file
  rm -f cutting ended-*
  sender a
  sender b
  sender c lines
  [[ ! $HUGE ]] || sender d huge
  (($1 % 4)) || return 0
  for file in all follow run; do touch "disk/$file-$1"; done
  sync disk
  receiver "seen/one-$1" -t 0.1
  receiver "disk/all-$1" -a -t 0.1
  case $(($1 % 3)) in
    0) receiver "disk/follow-$1" -F ;;
    1) receiver /dev/null -F -- sh -c 'echo "$(cat)" >>"$1" && sync "$1"' sh "disk/run-$1" ;;
  esac
}

# at_work_since COUNT: more messages than COUNT were acknowledged; or a sender failed, which is reported later.
at_work_since() { [[ -e wrong ]] || (($(cat acknowledged/* 2>/dev/null | wc -l) >= $1 + 3)); }

# is_huge: a transaction is in progress whose WAL has more than 10 MiB.
is_huge() { (($(stat -c %s disk/chat/spool.db-wal 2>/dev/null || echo 0) > 10485760)); }

# fails_and_comes_back ROUND: the power fails and returns.
fails_and_comes_back() {
  local name file
  if [[ $HUGE ]]; then wait_until is_huge; else wait_until at_work_since "$(cat acknowledged/* 2>/dev/null | wc -l)"; fi
  sleep "$(a_moment "${HUGE:-300}")"
  touch cutting
  cut
  for name in ${SENDING:-a b c} ${HUGE:+d}; do wait_until noted "$name"; done
  [[ ! -e wrong ]] || fail "$(cat wrong errors)"
  switch_off
  switch_on
  for file in "disk/all-$1" "disk/follow-$1" "disk/run-$1"; do
    [[ ! -e $file ]] || whole_lines "$file" >"seen/${file#disk/}"
    rm -f "$file"
  done
  [[ ! ${SENDING:-} ]] || return 0
  chat-recv -p -a -o '%b %i\n' >left || [[ $? == 1 ]]
  find seen -type f -exec cat {} + | sort -u >received
  find acknowledged -type f -exec cat {} + | sort >all
}

# lost: print messages that were acknowledged, and were neither received nor are still there, with the returned id.
lost() {
  awk 'FILENAME == "received" { received[$0] = 1; next }
    FILENAME == "left" { id[$1 " " $2] = $3; next }
    !(($1 " " $2) in received) && id[$1 " " $2] != $3' received left all
}

# in_order FILE: no message of a sender comes before an earlier one, or twice.
in_order() {
  run awk '$2 + 0 <= last[$1] { print FILENAME ": " $0 " after " last[$1] } { last[$1] = $2 + 0 }' "$1"
  assert_output ''
}

# cuts KIND COUNT: cut the power COUNT times on that file system. For huge transactions each round has a new spool.
cuts() {
  local round file acknowledged=0 received=0
  disk "$1"
  chat-send -r other 'to be there first'
  for ((round = 1; round <= $2; round++)); do
    at_work "$round"
    fails_and_comes_back "$round"
    run lost
    assert_output ''
    run -0 chat-spool check -q
    # No id was used twice.
    run bash -c "cut -d ' ' -f 3 all | sort | uniq -d"
    assert_output ''
    # The messages of this round were received once, and each sender's in order; and so are the remaining ones.
    run bash -c 'cat seen/*-"$1" 2>/dev/null | sort | uniq -d' bash "$round"
    assert_output ''
    for file in seen/*-"$round"; do [[ ! -e $file ]] || in_order "$file"; done
    in_order left
    run awk '$3 <= last { print } { last = $3 }' left
    assert_output ''
    [[ $HUGE || $round == "$2" ]] || continue
    acknowledged=$((acknowledged + $(wc -l <all))) received=$((received + $(wc -l <received)))
    [[ $HUGE && $round != "$2" ]] || continue
    rm -rf disk/chat acknowledged/* seen/*
    chat-send -r other 'to be there first'
  done
  assert [ "$acknowledged" -ge $(($2 * 3)) ]
  assert [ "$received" -ge 1 ]
  run -0 chat-recv -r other
  assert_output 'to be there first'
  tell "$2 cuts on $1: $acknowledged messages acknowledged, none lost; $received received, $(wc -l <left) left"
}

# bats test_tags=full
@test "power cuts of an ext4 during sends and receives lose nothing that was acknowledged" {
  cuts ext4 "$(dose 2 3 40)"
}

@test "power cuts of an xfs during sends and receives lose nothing that was acknowledged" {
  cuts xfs "$(dose 1 10)"
}

# With another sender, whose transactions of 300,000 lines and more fill a WAL of more than 10 MiB. Most power cuts hit
# such a transaction.
# bats test_tags=full
@test "power cuts of an ext4 with a WAL of more than 10 MiB lose nothing that was acknowledged" {
  full_dose 'writes ten megabytes before each cut'
  HUGE=700 SIZE=256M
  cuts ext4 "$(dose 1 40)"
}

# bats test_tags=full
@test "power cuts of an xfs with a WAL of more than 10 MiB lose nothing that was acknowledged" {
  local count
  count=$(dose 0 1 10)
  ((count)) || skip 'sends millions of lines, as on ext4: with DOSE=full'
  HUGE=700
  cuts xfs "$count"
}

# ---------------------------------------------------------------- an open room

# readers_at_work ROUND: start two senders, and readers of the open room main: "one" takes single messages, "all" takes all messages,
# and "run" runs two commands at a time. The reader "away" is moved to the end and receives nothing.
readers_at_work() {
  rm -f cutting ended-*
  cat acknowledged/* >before 2>/dev/null || true
  chat-spool seek main/away end
  touch "disk/all-$1" "disk/run-$1"
  sync disk
  sender a
  sender c lines
  receiver "seen/one-$1" -r main/one -t 0.1
  receiver "disk/all-$1" -r main/all -a -t 0.1
  receiver /dev/null -r main/run -F -P 2 -- sh -c 'echo "$(cat)" >>"$1" && sync "$1"' sh "disk/run-$1"
}

# lost_to READER: print the acknowledged messages that this reader has not received and cannot receive.
lost_to() {
  chat-recv -q -p -a -r "main/$1" -o '%b %i\n' >left || [[ $? == 1 ]]
  find seen -name "$1-*" -exec cat {} + | sort -u >received
  cat acknowledged/* | sort >all
  if [[ $1 == away ]]; then grep -vxFf before all >since && mv since all; fi
  lost
}

# reader_cuts COUNT: cut the power COUNT times. After each cut every reader has received each message or gets it, and it received none
# twice between two cuts.
reader_cuts() {
  local round name
  SENDING='a c'
  disk
  chat-spool open -k 0 main
  for name in one all run away; do chat-spool seek "main/$name" start; done
  for ((round = 1; round <= $1; round++)); do
    readers_at_work "$round"
    fails_and_comes_back "$round"
    run -0 chat-spool check -q
    for name in one all run away; do
      run lost_to "$name"
      assert_equal "$name: $output" "$name: "
    done
    # The seek of "away" was not lost either.
    run awk 'FILENAME == "before" { passed[$1 " " $2]; next } ($1 " " $2) in passed' before left
    assert_output ''
    run bash -c 'for file in seen/*-"$1"; do sort "$file" | uniq -d; done' bash "$round"
    assert_output ''
    in_order "seen/one-$round"
    in_order "seen/all-$round"
  done
  # The room keeps no message that all readers have received.
  for name in one all run away; do chat-recv -q -a -r "main/$name" >/dev/null || [[ $? == 1 ]]; done
  chat-spool compact -q
  run -0 chat-spool list -1
  assert_output main
  run -1 chat-recv -q -p -r main
  tell "$1 cuts: $(wc -l <all) messages acknowledged since the last, none lost to a reader"
}

# bats test_tags=full
@test "a power cut while senders and readers of an open room work loses no message of any reader" {
  reader_cuts "$(dose 1 2 40)"
}

# The controls: the same without syncs.

# loses ROUND ...: messages are lost in one of these rounds.
loses() {
  local round missing=0
  disk
  for round; do
    at_work "$round"
    fails_and_comes_back "$round"
    missing=$(lost | wc -l)
    ((missing == 0)) || break
  done
  assert [ "$missing" -ge 1 ]
  # This is not because nothing works: all messages were acknowledged with their ids.
  run grep -cvE '^[abc] [0-9]+ [0-9]+$' all
  assert_output 0
}

@test "a control: senders that do not sync lose acknowledged messages in power cuts" {
  UNSAFE_SENDER=$FAULTS/nosync.so
  loses {4..40..4}
}

@test "a control: receivers that do not sync their output lose messages in power cuts" {
  UNSAFE_RECEIVER=$FAULTS/nosync.so
  loses {3..60..6}
}

@test "a control: readers that do not sync their output lose messages in a power cut" {
  local round missing=0
  UNSAFE_RECEIVER=$FAULTS/nosync.so SENDING='a c'
  disk
  chat-spool open -k 0 main
  for round in {1..20}; do
    readers_at_work "$round"
    fails_and_comes_back "$round"
    missing=$(lost_to all | wc -l)
    ((missing == 0)) || break
  done
  assert [ "$missing" -ge 1 ]
  # The senders worked: each message was acknowledged with its id.
  run grep -cvE '^[ac] [0-9]+ [0-9]+$' all
  assert_output 0
}

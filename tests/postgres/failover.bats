#!/usr/bin/env bats
# The primary dies amid sends and receives, and a standby is promoted: nothing that was acknowledged is lost, and what comes
# twice had a claim that died.

# Bats runs each test in a shell of its own; the scripts in single quotes are meant to expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load fault

# How many messages there are in all: four senders send a quarter each.
setup() {
  fault_setup
  : "${MESSAGES:=$(dose 2000 10000)}"
  mkdir acked doubtful seen errors times
}

# What each client did, and how it ended:
#   acked/NAME      what was sent and acknowledged
#   doubtful/NAME   what was sent by a chat-send that failed
#   seen/NAME       "RUN STATUS MESSAGE": what the run of a receiver handed over, and how that run ended
#   times/NAME      when something was acknowledged or received, in milliseconds

# singly NAME COUNT: a process for each message.
singly() {
  background bash -c '
    for ((i = 1; i <= $2; i++)); do
      if chat-send "$1 $i"; then echo "$1 $i" >>"acked/$1"; else echo "$1 $i" >>"doubtful/$1"; fi
      echo "${EPOCHREALTIME/./}" >>"times/$1"
    done
  ' singly "$1" "$2" 2>>"errors/$1"
  SENDERS+=("$BACKGROUND_PID")
}

# in_streams NAME COUNT: chat-send -l, twenty at a time.
in_streams() {
  background bash -c '
    for ((i = 1; i <= $2; i += 20)); do
      seq -f "$1 %.0f" "$i" $((i + 19 < $2 ? i + 19 : $2)) >"lines-$1"
      if chat-send -l <"lines-$1"; then cat "lines-$1" >>"acked/$1"; else cat "lines-$1" >>"doubtful/$1"; fi
      echo "${EPOCHREALTIME/./}" >>"times/$1"
    done
  ' in_streams "$1" "$2" 2>>"errors/$1"
  SENDERS+=("$BACKGROUND_PID")
}

# receiving NAME [OPTION ...]: runs of chat-recv, until there is the file "done" and nothing comes any more.
receiving() {
  background bash -c '
    name=$1 run=0
    shift
    while
      if [[ -e done ]]; then last=1; else last=; fi
      status=0
      chat-recv -q -t 0.5 "$@" >"out-$name" || status=$?
      run=$((run + 1))
      sed "s/^/$name-$run $status /" "out-$name" >>"seen/$name"
      [[ ! -s out-$name ]] || echo "${EPOCHREALTIME/./}" >>"times/$name"
      [[ $status != 1 || ! $last ]]
    do :; done
  ' receiving "$@" 2>>"errors/$1"
  RECEIVERS+=("$BACKGROUND_PID")
}

start_everybody() {
  SENDERS=() RECEIVERS=()
  singly a $((MESSAGES / 4))
  singly b $((MESSAGES / 4))
  in_streams c $((MESSAGES / 4))
  in_streams d $((MESSAGES / 4))
  receiving w
  receiving x -c 10
  receiving y -a
  receiving z
}

has_sent() { (($(cat acked/* 2>/dev/null | wc -l) >= $1)); }

# Everybody sends and receives again: each has an entry in times/ that is later than the MOMENT.
all_since() {
  local name
  for name in a b c d w x y z; do
    process_done "$name" || (($(tail -n 1 "times/$name" 2>/dev/null || echo 0) / 1000 >= $1)) || return 1
  done
}
# A sender that is through has no more to send.
process_done() { [[ $1 == [abcd] ]] && (($(cat "acked/$1" "doubtful/$1" 2>/dev/null | wc -l) == MESSAGES / 4)); }

# recovery MOMENT: the longest that one of the clients took from then on until its next success.
recovery() {
  local name
  for name in a b c d w x y z; do
    awk -v from="$1" '$1 / 1000 >= from { print $1 / 1000 - from; exit }' "times/$name"
  done | sort -n | tail -n 1
}

finish_everybody() {
  local pid WAIT_LIMIT=$((120 + MESSAGES / 20))
  for pid in "${SENDERS[@]}"; do finish "$pid"; done
  touch 'done'
  for pid in "${RECEIVERS[@]}"; do finish "$pid"; done
  # What was claimed at the last moment.
  chat-recv -q -a | sed 's/^/rest 0 /' >seen/rest || true
}

# nothing_lost: each message that was acknowledged was seen, and none that was not sent.
nothing_lost() {
  cut -d ' ' -f 3- seen/* | sort -u >all
  cat acked/* | sort >sent
  run comm -23 sent all
  assert_output ''
  run comm -13 <(cat acked/* doubtful/* 2>/dev/null | sort) all
  assert_output ''
}

# doubles_explained: of the runs that handed a message over, one at most ended well. The others lost their claim, and said so.
doubles_explained() {
  run awk '$2 == 0 && seen[$3, $4]++ { print }' seen/*
  assert_output ''
  DOUBLED=$(cut -d ' ' -f 3- seen/* | sort | uniq -d | wc -l)
}

@test "the primary is killed amid many sends and receives, and a standby is promoted: nothing is lost, and each double had a claim that died" {
  local killed promoted
  cluster_for_test
  start_everybody
  wait_until has_sent $((MESSAGES / 3))
  node_kill node1
  killed=$(now)
  run -0 cluster_promote
  promoted=$(now)
  WAIT_LIMIT=60 wait_until all_since "$promoted"
  finish_everybody
  nothing_lost
  doubles_explained
  tell "$(cat acked/* | wc -l) acknowledged, $(cat doubtful/* 2>/dev/null | wc -l) in doubt, 0 lost, $DOUBLED doubled;" \
    "promoted after $((promoted - killed)) ms, everybody at work again $(recovery "$promoted") ms later"
}

@test "the primary is killed again and again, each time another is promoted, and nothing is lost" {
  local times
  cluster_for_test
  MESSAGES=$((MESSAGES / 2))
  start_everybody
  wait_until has_sent $((MESSAGES / 4))
  node_kill node1
  run -0 cluster_promote
  # The old one comes back as a standby of the new one, by a copy of it.
  node_copy "$output" node1
  wait_until has_sent $((MESSAGES / 2))
  node_kill "$output"
  run -0 cluster_promote
  finish_everybody
  nothing_lost
  doubles_explained
}

@test "a receiver that waits when the primary dies waits on the new one, without a query, and gets what comes" {
  cluster_for_test
  background chat-recv -w >out 2>err
  wait_blocked "$BACKGROUND_PID"
  node_kill node1
  run -0 cluster_promote
  local new=$output
  wait_until listens "$new"
  run -0 chat-send 'to the new one'
  finish "$BACKGROUND_PID"
  assert_success
  assert_bytes out 'to the new one\n'
}

# listens NODE: a client sleeps there until something comes.
listens() { [[ $(node_sql "$1" "SELECT count(*) FROM pg_stat_activity WHERE usename = 'chat' AND state = 'idle'") -ge 1 ]]; }

@test "a command that works when the primary dies is not acknowledged on the new one: its message is there again" {
  cluster_for_test
  chat-send job
  mkfifo go
  background chat-recv -- sh -c 'echo begun >begun; read -r line <go; cat >done' 2>err
  wait_until test -s begun
  node_kill node1
  run -0 cluster_promote
  echo go >go
  finish "$BACKGROUND_PID"
  assert_not_equal "$status" 0
  assert_equal "$(cat 'done')" job
  run -0 chat-recv
  assert_output job
}

@test "without a primary a send and a receive are 69 in the end, and say so in a line" {
  cluster_for_test
  chat-send first
  node_kill node1
  CHAT_SPOOL+='&connect_timeout=3' # the half minute that it is otherwise would be long
  run --separate-stderr timeout 120 chat-send second
  assert_error 69 'chat-send: '
  run --separate-stderr timeout 120 chat-recv
  assert_error 69 'chat-recv: '
  run --separate-stderr timeout 120 chat-recv -t 1
  assert_error 69 'chat-recv: '
  cluster_promote
  run -0 chat-recv -a
  assert_line --index 0 first
}

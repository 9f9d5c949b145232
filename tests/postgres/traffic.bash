# Functions that failover.bats and chaos.bats share: senders and receivers of every kind at the same time, a record of
# their actions, and checks for lost and duplicate messages. Load this file with `load traffic`, after fault.
#
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2154  # the scripts in single quotes are meant to expand later; variables of the tests

# The number of messages in total, from four senders.
traffic_setup() {
  : "${MESSAGES:=$(dose 2000 10000)}"
  mkdir acked doubtful seen errors times
}

# The actions of each client, and their results:
#   acked/NAME      messages that were sent and acknowledged
#   doubtful/NAME   messages of a chat-send that failed
#   seen/NAME       "RUN STATUS MESSAGE": the messages that a run of a receiver printed, and how that run ended
#   times/NAME      when a message was acknowledged or received, in milliseconds

# may_send I COUNT: if there is a file "quota", wait with message I of COUNT until it allows the message: it contains a
# number of messages in a million.
may_send() {
  local most
  [[ -e quota ]] || return 0
  until read -r most <quota && (($1 * 1000000 <= $2 * most)); do sleep 0.02; done
}
export -f may_send

# singly NAME COUNT [OPTION ...]: send each message with a separate process.
singly() {
  background bash -c '
    for ((i = 1; i <= $2; i++)); do
      may_send "$i" "$2"
      if chat-send "${@:3}" "$1 $i"; then echo "$1 $i" >>"acked/$1"; else echo "$1 $i" >>"doubtful/$1"; fi
      echo "${EPOCHREALTIME/./}" >>"times/$1"
    done
  ' singly "$@" 2>>"errors/$1"
  SENDERS+=("$BACKGROUND_PID")
}

# in_streams NAME COUNT: send with chat-send -l, twenty messages at a time.
in_streams() {
  background bash -c '
    for ((i = 1; i <= $2; i += 20)); do
      may_send "$i" "$2"
      seq -f "$1 %.0f" "$i" $((i + 19 < $2 ? i + 19 : $2)) >"lines-$1"
      if chat-send -l <"lines-$1"; then cat "lines-$1" >>"acked/$1"; else cat "lines-$1" >>"doubtful/$1"; fi
      echo "${EPOCHREALTIME/./}" >>"times/$1"
    done
  ' in_streams "$1" "$2" 2>>"errors/$1"
  SENDERS+=("$BACKGROUND_PID")
}

# in_json NAME COUNT: send with chat-send -J -1, twenty messages at a time, each with a key.
in_json() {
  background bash -c '
    for ((i = 1; i <= $2; i += 20)); do
      may_send "$i" "$2"
      seq -f "$1 %.0f" "$i" $((i + 19 < $2 ? i + 19 : $2)) >"lines-$1"
      if sed "s/.*/{\"key\":\"&\",\"body\":\"&\"}/" "lines-$1" | chat-send -J -1; then cat "lines-$1" >>"acked/$1"; else cat "lines-$1" >>"doubtful/$1"; fi
      echo "${EPOCHREALTIME/./}" >>"times/$1"
    done
  ' in_json "$1" "$2" 2>>"errors/$1"
  SENDERS+=("$BACKGROUND_PID")
}

# receiving NAME [OPTION ...]: run chat-recv until there is the file "done" and no more messages arrive.
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

# True if all clients send and receive again: each has an entry in times/ that is later than the MOMENT.
all_since() {
  local name
  for name in a b c d w x y z; do
    process_done "$name" || (($(tail -n 1 "times/$name" 2>/dev/null || echo 0) / 1000 >= $1)) || return 1
  done
}
# A sender that has finished does not count.
process_done() { [[ $1 == [abcd] ]] && (($(cat "acked/$1" "doubtful/$1" 2>/dev/null | wc -l) == MESSAGES / 4)); }

# recovery MOMENT: print the longest time that one of the clients took from then on until its next success.
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
  # Receive messages that were claimed at the last moment.
  chat-recv -q -a | sed 's/^/rest 0 /' >seen/rest || true
}

# lost: messages that were acknowledged and not seen. invented: messages that were seen and not sent.
lost() { comm -23 <(cat acked/* | sort) <(cut -d ' ' -f 3- seen/* | sort -u); }
invented() { comm -13 <(cat acked/* doubtful/* 2>/dev/null | sort) <(cut -d ' ' -f 3- seen/* | sort -u); }

# unexplained: messages that two successful runs printed. A run that lost its claim reports that.
unexplained() { awk '$2 == 0 && seen[$3, $4]++ { print $3, $4 }' seen/*; }

nothing_lost() {
  run lost
  assert_output ''
  run invented
  assert_output ''
}

doubles_explained() {
  run unexplained
  assert_output ''
  DOUBLED=$(cut -d ' ' -f 3- seen/* | sort | uniq -d | wc -l)
}

# Functions that failover.bats and chaos.bats share: senders and receivers of every form at the same time, what each of them
# did, and what is lost or doubled. Load it with `load traffic`, after fault.
#
# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2154  # the scripts in single quotes are meant to expand later; variables of the tests

# How many messages there are in all: four senders send a quarter each.
traffic_setup() {
  : "${MESSAGES:=$(dose 2000 10000)}"
  mkdir acked doubtful seen errors times
}

# What each client did, and how it ended:
#   acked/NAME      what was sent and acknowledged
#   doubtful/NAME   what was sent by a chat-send that failed
#   seen/NAME       "RUN STATUS MESSAGE": what the run of a receiver handed over, and how that run ended
#   times/NAME      when something was acknowledged or received, in milliseconds

# may_send I: where there is a file "quota", a sender waits with message I until its number allows that.
may_send() {
  local most
  [[ -e quota ]] || return 0
  until read -r most <quota && (($1 <= most)); do sleep 0.02; done
}
export -f may_send

# singly NAME COUNT [OPTION ...]: a process for each message.
singly() {
  background bash -c '
    for ((i = 1; i <= $2; i++)); do
      may_send "$i"
      if chat-send "${@:3}" "$1 $i"; then echo "$1 $i" >>"acked/$1"; else echo "$1 $i" >>"doubtful/$1"; fi
      echo "${EPOCHREALTIME/./}" >>"times/$1"
    done
  ' singly "$@" 2>>"errors/$1"
  SENDERS+=("$BACKGROUND_PID")
}

# in_streams NAME COUNT: chat-send -l, twenty at a time.
in_streams() {
  background bash -c '
    for ((i = 1; i <= $2; i += 20)); do
      may_send "$i"
      seq -f "$1 %.0f" "$i" $((i + 19 < $2 ? i + 19 : $2)) >"lines-$1"
      if chat-send -l <"lines-$1"; then cat "lines-$1" >>"acked/$1"; else cat "lines-$1" >>"doubtful/$1"; fi
      echo "${EPOCHREALTIME/./}" >>"times/$1"
    done
  ' in_streams "$1" "$2" 2>>"errors/$1"
  SENDERS+=("$BACKGROUND_PID")
}

# in_json NAME COUNT: chat-send -J -1, twenty at a time, each with a key.
in_json() {
  background bash -c '
    for ((i = 1; i <= $2; i += 20)); do
      may_send "$i"
      seq -f "$1 %.0f" "$i" $((i + 19 < $2 ? i + 19 : $2)) >"lines-$1"
      if sed "s/.*/{\"key\":\"&\",\"body\":\"&\"}/" "lines-$1" | chat-send -J -1; then cat "lines-$1" >>"acked/$1"; else cat "lines-$1" >>"doubtful/$1"; fi
      echo "${EPOCHREALTIME/./}" >>"times/$1"
    done
  ' in_json "$1" "$2" 2>>"errors/$1"
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

# All clients send and receive again: each has an entry in times/ that is later than the MOMENT.
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
  # Messages that were claimed at the last moment.
  chat-recv -q -a | sed 's/^/rest 0 /' >seen/rest || true
}

# lost: what was acknowledged and not seen. invented: what was seen and not sent.
lost() { comm -23 <(cat acked/* | sort) <(cut -d ' ' -f 3- seen/* | sort -u); }
invented() { comm -13 <(cat acked/* doubtful/* 2>/dev/null | sort) <(cut -d ' ' -f 3- seen/* | sort -u); }

# unexplained: the messages that two runs handed over that both ended well. The others lost their claim, and said so.
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

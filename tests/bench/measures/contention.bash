# Contention: one, 8 and 32 processes that send one message at a time, or receive one.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154

# crowd_of PROCESSES NAME VERB ROUND: store its figures in $work/crowd.
crowd_of() {
  local -n command=$2_$3
  printf '%s\t%s\t%s\t' "$2" "$1" "$4" >>"$work/crowd"
  "${on_disk[@]}" "$tools/crowd" "$1" "$length" "${command[@]}" >>"$work/crowd"
}

# tell_crowds VERB: print the throughput relative to a single process in the same round.
tell_crowds() {
  local name processes row
  for name in "${crowds[@]}"; do
    for processes in 1 8 32; do
      row="${names[$name]} × $processes"
      failed "$1, $row$slower" "$(awk -F '\t' -v n="$name" -v p=$processes '$1 == n && $2 == p { f += $7 } END { print f + 0 }' "$work/crowd")"
      record "$table" "$row" 'a second' "$(figures "$name" $processes 4)"
      record "$table" "$row" '× one process' "$(awk -F '\t' -v n="$name" -v p=$processes '
        $1 == n && $2 == 1 { one[$3] = $4 } $1 == n && $2 == p { all[$3] = $4 }
        END { for (i in all) print all[i] / one[i] }' "$work/crowd" | median | xargs printf %.2f)"
      record "$table" "$row" 'median, ms' "$(figures "$name" $processes 5)"
      record "$table" "$row" 'slowest p99, ms' "$(figures "$name" $processes 6)"
      record "$table" "$row" 'slowest p99 / median' \
        "$(quotient "$(figures "$name" $processes 6)" "$(figures "$name" $processes 5)")"
    done
  done
}

# figures NAME PROCESSES COLUMN: print the median over the rounds.
figures() { awk -F '\t' -v n="$1" -v p="$2" -v c="$3" '$1 == n && $2 == p { print $c }' "$work/crowd" | median; }

# contend VERB NAME ...
contend() {
  local verb=$1 round name processes
  shift
  crowds=("$@")
  table="Contention, $verb$slower"
  : >"$work/crowd"
  for round in 1 2 3; do
    for processes in 1 8 32; do
      for name; do crowd_of $processes "$name" "$verb" $round; done
    done
  done
  tell_crowds "$verb"
}

length=$(scaled 15 3)
length=$((length / 10)).$((length % 10)) # seconds
for milliseconds in 0 5; do
  set_disk $milliseconds
  # Measure the others only with the real disk: on a slow one they would take long.
  if [ "$disk" = 0 ]; then start_contenders "${builds[@]}" sqlite3 redis; else start_contenders "${builds[@]}"; fi
  floor_send=("$tools/floor" "$work/floor")
  contend send floor "${present[@]}"
  for build in "${builds[@]}"; do
    use "$build"
    seq "$(scaled 40000)" | chat-send -l
  done
  use chat
  contend recv "${builds[@]}"
  stop_contenders
done

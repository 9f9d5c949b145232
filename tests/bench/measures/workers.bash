# COMMAND: how many messages per second pass through a command, and through xargs.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154

# work_round NUMBER: process the same lines with each contender.
work_round() {
  local row
  for row in "${!workers[@]}"; do
    for build in "${builds[@]}"; do
      [[ $row == chat-recv* || $build == chat ]] || continue
      use "$build"
      [[ $row != chat-recv* ]] || chat-send -l <"$work/lines"
      begun=$EPOCHREALTIME
      eval "${workers[$row]}" <"$work/lines" >/dev/null
      awk -v row="$row$of" -v round="$1" -v n="$lines" -v a="$begun" -v b="$EPOCHREALTIME" \
        'BEGIN { printf "%s\t%s\t%f\n", row, round, n / (b - a) }' >>"$work/rates"
    done
  done
}

# rate ROW [OTHER]: print the median, or the median of the ratios to OTHER in the same round.
rate() {
  awk -F '\t' -v row="$1" -v other="${2-}" '
    $1 == row { rate[$2] = $3 } $1 == other { base[$2] = $3 }
    END { for (i in rate) print other == "" ? rate[i] : rate[i] / base[i] }' "$work/rates" | median
}

table='COMMAND, messages a second'
lines=$(scaled 400 50)
declare -A workers=(
  ['chat-recv -a -- true']='chat-recv -a -- true'
  ['chat-recv -a -P 8 -- true']='chat-recv -a -P 8 -- true'
  ['xargs -n1 true']='xargs -n1 true'
  ['xargs -n1 -P 8 true']='xargs -n1 -P 8 true'
)
start_contenders "${builds[@]}"
seq "$lines" >"$work/lines"
: >"$work/rates"
for round in 1 2 3; do work_round $round; done
for pair in 'chat-recv -a -- true:xargs -n1 true' 'chat-recv -a -P 8 -- true:xargs -n1 -P 8 true'; do
  ours=${pair%%:*} theirs=${pair#*:}
  for build in "${builds[@]}"; do
    use "$build"
    record "$table" "$ours$of" 'a second' "$(rate "$ours$of" | xargs printf %.0f)"
    record "$table" "$ours$of" '× xargs' "$(rate "$ours$of" "$theirs" | xargs printf %.2f)"
  done
  record "$table" "$theirs" 'a second' "$(rate "$theirs" | xargs printf %.0f)"
  record "$table" "$theirs" '× xargs' 1
done
stop_contenders

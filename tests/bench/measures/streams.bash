# Streams: many lines of 100 bytes, from a file to the spool and out again, and the same lines through SQLite and Redis.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154

lines=$(scaled 1000000 1000)
seconds=0

# timed COMMAND ...: store how long it takes in $seconds.
timed() {
  local begun=$EPOCHREALTIME
  "${on_disk[@]}" "$@" >/dev/null
  seconds=$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')
}

# keep ROW ROUND: record that time.
keep() { printf '%s\t%s\t%s\n' "$1" "$2" "$seconds" >>"$work/times"; }

# stream_round NUMBER: run the streams of each contender, into empty stores.
stream_round() {
  local build
  rm -rf "$work/bare.db"*
  sqlite3 "$work/bare.db" 'PRAGMA journal_mode=WAL; CREATE TABLE queue(body)'
  redis-cli -p "$redis_port" DEL queue
  for build in "${builds[@]}"; do
    use "$build"
    rm -rf "${work:?}/$build"
    timed chat-send -l <"$work/lines" && keep "in: chat-send -l$of" "$1"
  done
  timed sqlite3 "$work/bare.db" ".import '$work/lines' queue" && keep 'in: sqlite3 .import' "$1"
  timed redis-cli -p "$redis_port" --pipe <"$work/protocol" && keep 'in: redis-cli --pipe LPUSH' "$1"
  for build in "${builds[@]}"; do
    use "$build"
    timed chat-recv -a && keep "out: chat-recv -a$of" "$1"
  done
  timed sqlite3 "$work/bare.db" 'SELECT body FROM queue' && keep 'out: sqlite3 SELECT, nothing deleted' "$1"
  timed sqlite3 "$work/bare.db" 'SELECT body FROM queue; DELETE FROM queue' && keep 'out: sqlite3 SELECT, DELETE' "$1"
  timed redis-cli -p "$redis_port" RPOP queue "$lines" && keep 'out: redis-cli RPOP' "$1"
} >/dev/null

# tell_streams: print the medians, and the medians of the ratios to ours in the same round.
tell_streams() {
  local row ours
  cut -f 1 "$work/times" | sort -u | while IFS= read -r row; do
    ours='in: chat-send -l'
    [ "${row%%:*}" = in ] || ours='out: chat-recv -a'
    seconds=$(awk -F '\t' -v row="$row" '$1 == row { print $3 }' "$work/times" | median)
    record "$table" "$row" 'lines a second' "$(awk -v n="$lines" -v s="$seconds" 'BEGIN { printf "%.0f", n / s }')"
    record "$table" "$row" 'its time / ours' "$(awk -F '\t' -v row="$row" -v ours="$ours" '
      $1 == ours { base[$2] = $3 } $1 == row { time[$2] = $3 } END { for (i in time) print time[i] / base[i] }
      ' "$work/times" | median | xargs printf %.2f)"
  done
}

table="Streams, $lines lines of 100 bytes"
awk -v n="$lines" 'BEGIN { for (i = 0; i < n; i++) printf "%0100d\n", i }' >"$work/lines"
awk '{ printf "*3\r\n$5\r\nLPUSH\r\n$5\r\nqueue\r\n$100\r\n%s\r\n", $0 }' "$work/lines" >"$work/protocol"
start_contenders redis
redis_port=${redis_send[2]}
: >"$work/times"
for round in 1 2 3; do stream_round $round; done
stop_contenders
tell_streams
rm -rf "$work/lines" "$work/protocol" "$work/chat" "$work/baseline" "$work/bare.db"*

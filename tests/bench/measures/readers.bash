# Readers: the time to deliver a message to each of 1, 10 and 100 readers, in a stream and by single commands; the speed at which a
# reader catches up; and the time until the last of many followers has a line.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154

message_of() { printf '%0100d\n' "$1"; }

# Each way to deliver has a row and four functions: NAME_make COUNT makes COUNT readers, NAME_put sends the lines of its input,
# NAME_put_one sends one line, and NAME_get NUMBER delivers to that reader everything that it has not read.
declare -A ways=([open]='an open room' [copies]='copies, chat-send with several -r' [streams]='Redis streams, a consumer group each'
  [sessions]='mosquitto, a persistent session each (QoS 1)')
declare -A safe=([open]=yes [copies]=yes [streams]=yes [sessions]='no: saved every 30 min')

open_make() {
  rm -rf "${work:?}/chat"
  chat-spool open tea
  for ((n = 1; n <= $1; n++)); do chat-spool seek "tea/r$n" start; done
}
open_put() { chat-send -l -r tea; }
open_put_one() { chat-send -r tea "$message"; }
open_get() { chat-recv -a -r "tea/r$1"; }

copies_make() {
  rm -rf "${work:?}/chat"
  copies=()
  for ((n = 1; n <= $1; n++)); do copies+=(-r "r$n"); done
}
copies_put() { chat-send -l "${copies[@]}"; }
copies_put_one() { chat-send "${copies[@]}" "$message"; }
copies_get() { chat-recv -a -r "r$1"; }

streams_make() {
  redis-cli -p "$redis_port" DEL stream
  for ((n = 1; n <= $1; n++)); do redis-cli -p "$redis_port" XGROUP CREATE stream "r$n" 0 MKSTREAM; done
}
streams_put() { awk '{ printf "*5\r\n$4\r\nXADD\r\n$6\r\nstream\r\n$1\r\n*\r\n$1\r\nb\r\n$100\r\n%s\r\n", $0 }' | redis-cli -p "$redis_port" --pipe; }
streams_put_one() { redis-cli -p "$redis_port" XADD stream '*' b "$message"; }
# Acknowledge the messages by their ids: every third line of the answer from the second one on.
streams_get() {
  redis-cli -p "$redis_port" XREADGROUP GROUP "r$1" consumer COUNT "$lines" STREAMS stream '>' |
    awk 'NR % 3 == 2 { printf " %s", $0 } END { print "" }' | xargs redis-cli -p "$redis_port" XACK stream "r$1"
}

sessions_make() {
  for ((n = 1; n <= made; n++)); do mosquitto_sub -h 127.0.0.1 -p "$mosquitto_port" -i "r$n" -t tea -q 1 -E; done
  for ((n = 1; n <= $1; n++)); do mosquitto_sub -h 127.0.0.1 -p "$mosquitto_port" -i "r$n" -t tea -q 1 -c -E; done
  made=$1
}
sessions_put() { mosquitto_pub -h 127.0.0.1 -p "$mosquitto_port" -q 1 -t tea -l; }
sessions_put_one() { mosquitto_pub -h 127.0.0.1 -p "$mosquitto_port" -q 1 -t tea -m "$message"; }
sessions_get() { mosquitto_sub -h 127.0.0.1 -p "$mosquitto_port" -i "r$1" -t tea -q 1 -c -C "$sent" -W 20; }
made=0

# deliver WAY READERS: send $sent messages and deliver them to each reader. Prints the milliseconds for one message.
deliver() {
  local begun reader
  begun=$EPOCHREALTIME
  if ((sent > 1)); then "$1_put" <"$work/lines"; else "$1_put_one"; fi >/dev/null
  for ((reader = 1; reader <= $2; reader++)); do "$1_get" "$reader"; done >/dev/null
  awk -v a="$begun" -v b="$EPOCHREALTIME" -v n="$sent" 'BEGIN { printf "%.4f\n", (b - a) * 1000 / n }'
}

# deliver_all TABLE MESSAGES ROUNDS
deliver_all() {
  local way readers round time ours
  table=$1 sent=$2
  for readers in 1 10 100; do
    for way in "${there[@]}"; do
      "${way}_make" "$readers" >/dev/null
      for ((round = 0; round < $3; round++)); do deliver "$way" "$readers"; done >"$work/times-$way"
      time=$(median <"$work/times-$way")
      [[ $way != open ]] || ours=$time
      record "$table" "${ways[$way]}" durable "${safe[$way]}"
      record "$table" "${ways[$way]}" "to $readers, ms" "$time"
      record "$table" "${ways[$way]}" "to $readers, / open room" "$(quotient "$time" "$ours")"
    done
  done
}

lines=$(scaled 1000 50)
there=(open copies)
set_disk 0
start_contenders chat redis mosquitto
use chat
[[ " ${present[*]} " != *' redis '* ]] || { redis_port=${redis_send[2]} && there+=(streams); }
[[ " ${present[*]} " != *' mosquitto '* ]] || { mosquitto_port=${mosquitto_send[4]} && there+=(sessions); }
for ((n = 1; n <= lines; n++)); do message_of "$n"; done >"$work/lines"
deliver_all "A message to each reader, in a stream of $lines" "$lines" 3
deliver_all 'A message to each reader, by single commands' 1 "$(scaled 9 3)"

# Catching up: a reader that was away, beside a receiver of a plain room in the same spool.
many=$(scaled 1000000 1000)
table="Catching up with $many messages of 100 bytes"
awk -v n="$many" 'BEGIN { for (i = 0; i < n; i++) printf "%0100d\n", i }' >"$work/many"
: >"$work/plain"
: >"$work/reader"
for round in 1 2 3; do
  rm -rf "${work:?}/chat"
  chat-spool open -m 2000000 tea
  chat-spool seek tea/away start
  chat-send -l -r plain <"$work/many"
  chat-send -l -r tea <"$work/many"
  for way in plain reader; do
    begun=$EPOCHREALTIME
    if [ $way = plain ]; then chat-recv -a -r plain; else chat-recv -a -r tea/away; fi >/dev/null
    awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }' >>"$work/$way"
  done
done
for way in plain reader; do
  row='chat-recv -a'
  [ $way = plain ] || row='chat-recv -a -r tea/away'
  record "$table" "$row" 'messages a second' "$(awk -v n="$many" -v s="$(median <"$work/$way")" 'BEGIN { printf "%.0f", n / s }')"
  record "$table" "$row" '/ plain room' "$(paste "$work/plain" "$work/$way" | awk '{ print $1 / $2 }' | median | xargs printf %.2f)"
done
rm -rf "$work/many" "${work:?}/chat"

# Wake-up. The sender prints the id of a message when the message is on the disk.
table='Wake-up of followers of an open room, the last of them'
for milliseconds in 0 -1; do
  set_disk $milliseconds
  use chat
  for count in 1 10 100; do
    rm -rf "${work:?}/chat"
    chat-spool open tea
    row="followers: $count$([ "$disk" = 0 ] || echo ', no syncs')"
    if "${on_disk[@]}" "$tools/fan" "$(scaled $((count < 100 ? 200 : 50)) 10)" "$count" chat-send -l -i -r tea ::: chat-recv -F -r tea/r% >"$work/wake"; then
      record "$table" "$row" 'after the line, ms' "$(cut -f 1 "$work/wake")"
      record "$table" "$row" 'p99, ms' "$(cut -f 2 "$work/wake")"
      record "$table" "$row" 'after the sender reported the commit, ms' "$(cut -f 3 "$work/wake")"
      record "$table" "$row" 'after the first follower, ms' "$(cut -f 4 "$work/wake")"
    else
      note "nothing measured: $row"
    fi
  done
done
set_disk 0
stop_contenders

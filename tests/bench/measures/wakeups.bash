# Wake-up: how long a line takes from a sender to a sleeping receiver, and which other processes wake.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154

# wake ROW SENDER ... ::: RECEIVER ...
wake() {
  local row=$1
  shift
  if "${on_disk[@]}" "$tools/wake" "$(scaled 200 10)" "$@" >"$work/wake"; then
    record "$table" "$row" 'median, ms' "$(cut -f 1 "$work/wake")"
    record "$table" "$row" 'p99, ms' "$(cut -f 2 "$work/wake")"
  else
    note "nothing measured: $row"
  fi
}

# switches PID ...: print how often the processes woke; only once all of them sleep.
switches() {
  local before='' seen=none
  until [ "$seen" = "$before" ]; do
    before=$seen
    sleep 0.2
    seen=$(for pid; do awk '/^voluntary_ctxt/ { print $2 }' "/proc/$pid/status"; done)
  done
  awk '{ sum += $1 } END { print sum }' <<<"$seen"
}

# in_rooms COUNT: start one receiver in each of COUNT rooms, and send 20 messages to the first room.
in_rooms() {
  local pids own others n
  for ((n = 0; n < $1; n++)); do background chat-recv -F -r "room$n"; done
  pids=("${servers[@]: -$1}")
  own=$(switches "${pids[0]}")
  others=$(switches "${pids[@]:1}")
  for ((n = 0; n < 20; n++)); do chat-send -r room0 "$n"; done
  record "$table" "20 messages to one of $1 rooms$of" 'context switches of its receiver' $(($(switches "${pids[0]}") - own))
  record "$table" "20 messages to one of $1 rooms$of" 'of all others' $(($(switches "${pids[@]:1}") - others))
}

table='Wake-up, from a line to a line'
one_each='while read -r line; do chat-send "$line"; done'
mkfifo "$work/fifo"
set_disk 0
start_contenders "${builds[@]}" mosquitto
wake 'cat through a FIFO' sh -c 'exec cat >"$0"' "$work/fifo" ::: cat "$work/fifo"
for milliseconds in -1 0; do
  set_disk $milliseconds
  syncs=$([ "$disk" = 0 ] || echo ', no syncs')
  for build in "${builds[@]}"; do
    use "$build"
    wake "chat-send -l to chat-recv -F$of$syncs" chat-send -l ::: chat-recv -F
    wake "chat-send each to chat-recv -F$of$syncs" sh -c "$one_each" ::: chat-recv -F
    wake "chat-send each to chat-recv -w each$of$syncs" sh -c "$one_each" ::: sh -c 'while chat-recv -w; do :; done'
  done
done
[[ " ${present[*]} " != *' mosquitto '* ]] ||
  wake 'mosquitto_pub -l to mosquitto_sub' mosquitto_pub "${mosquitto_send[@]:1:6}" -t queue -l ::: \
    mosquitto_sub "${mosquitto_recv[@]:1:8}"
table='Who is woken'
for build in "${builds[@]}"; do
  use "$build"
  in_rooms 100
done
stop_contenders

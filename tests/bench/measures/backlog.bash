# Backlog: what a command costs with many messages waiting, with many rooms, and with long messages.
. "$bench/count.bash"

# alternately ROW: the median instructions of a send and of a receive, in turn, so that the backlog stays as it is. (The mean
# would take in a checkpoint or not, by chance.)
alternately() {
  local n
  keep_index
  : >"$work/sends"
  : >"$work/recvs"
  for ((n = 0; n < rounds; n++)); do
    instructions chat-send "$message" >>"$work/sends"
    instructions chat-recv >>"$work/recvs"
  done
  record "$table" "$1" 'send, thousand instructions' "$(median <"$work/sends" | thousands)"
  record "$table" "$1" 'recv, thousand instructions' "$(median <"$work/recvs" | thousands)"
  stop_contenders
}

commas() { sed -E ':again; s/^([0-9]+)([0-9]{3})/\1,\2/; t again' <<<"$1"; }

# memory COMMAND ...: the most it had, in KiB.
memory() { "$tools/race" 1 "$@" | cut -f 4; }

here=$work
rounds=$(scaled 9 3)
deep=$(scaled 1000000 1000)
table='Backlog, one command'
start_contenders chat
chat-send first
alternately '1 waiting'
seq 1000 | chat-send -l
alternately '1,000 waiting'
seq "$deep" | chat-send -l
alternately "$(commas "$deep") waiting"
if [ -n "${BENCH_DEEP-}" ]; then
  seq 9000000 | chat-send -l
  alternately '10,000,000 waiting'
fi

start_contenders chat
rooms=$(scaled 100000 100)
seq -f '{"room":"room%.0f","body":"hello"}' "$rooms" | chat-send -J
chat-send first
alternately "1 in each of $(commas "$rooms") rooms"

table='Length of a message'
start_contenders chat
chat-send first
keep_index
chat-recv >/dev/null
for size in 10 10240 1048576 67108864; do
  head -c "$size" /dev/zero | tr '\0' x >"$work/body"
  record "$table" "$size" 'send, thousand instructions' "$(instructions chat-send -f "$work/body" | thousands)"
  record "$table" "$size" 'recv, thousand instructions' "$(instructions chat-recv | thousands)"
  record "$table" "$size" 'send, KiB of memory' "$(memory chat-send -f "$work/body")"
  record "$table" "$size" 'recv, KiB of memory' "$(memory chat-recv)"
done
stop_contenders

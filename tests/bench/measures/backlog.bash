# Backlog: the cost of a command with many messages waiting, with many rooms, and with long messages.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154
. "$bench/count.bash"

# alternately ROW: record the median instructions of a send and of a receive, which alternate so that the backlog stays
# the same. (A mean would include a checkpoint or not, by chance.)
alternately() {
  local n
  for build in "${builds[@]}"; do
    use "$build"
    keep_index
    : >"$work/sends"
    : >"$work/recvs"
    for ((n = 0; n < rounds; n++)); do
      instructions chat-send "$message" >>"$work/sends"
      instructions chat-recv >>"$work/recvs"
    done
    record "$table" "$1" "send, thousand instructions$of" "$(median <"$work/sends" | thousands)"
    record "$table" "$1" "recv, thousand instructions$of" "$(median <"$work/recvs" | thousands)"
  done
  stop_contenders
}

# in_each COMMAND ...: run it with each build and its spool, and the lines of standard input.
in_each() {
  cat >"$work/input"
  for build in "${builds[@]}"; do
    use "$build"
    "$@" <"$work/input"
  done
  rm "$work/input"
}

commas() { sed -E ':again; s/^([0-9]+)([0-9]{3})/\1,\2/; t again' <<<"$1"; }

# memory COMMAND ...: print its maximum memory, in KiB.
memory() { "$tools/race" 1 "$@" | cut -f 4; }

here=$work
rounds=$(scaled 9 3)
deep=$(scaled 1000000 1000)
table='Backlog, one command'
start_contenders "${builds[@]}"
echo first | in_each chat-send -l
alternately '1 waiting'
seq 1000 | in_each chat-send -l
alternately '1,000 waiting'
seq "$deep" | in_each chat-send -l
alternately "$(commas "$deep") waiting"
if [ -n "${BENCH_DEEP-}" ]; then
  seq 9000000 | in_each chat-send -l
  alternately '10,000,000 waiting'
fi

start_contenders "${builds[@]}"
rooms=$(scaled 100000 100)
seq -f '{"room":"room%.0f","body":"hello"}' "$rooms" | in_each chat-send -J
echo first | in_each chat-send -l
alternately "1 in each of $(commas "$rooms") rooms"

table='Length of a message'
start_contenders "${builds[@]}"
for build in "${builds[@]}"; do
  use "$build"
  chat-send first
  keep_index
  chat-recv >/dev/null
  for size in 10 10240 1048576 67108864; do
    head -c "$size" /dev/zero | tr '\0' x >"$work/body"
    record "$table" "$size" "send, thousand instructions$of" "$(instructions chat-send -f "$work/body" | thousands)"
    record "$table" "$size" "recv, thousand instructions$of" "$(instructions chat-recv | thousands)"
    record "$table" "$size" "send, KiB of memory$of" "$(memory chat-send -f "$work/body")"
    record "$table" "$size" "recv, KiB of memory$of" "$(memory chat-recv)"
  done
done
stop_contenders

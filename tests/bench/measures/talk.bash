# People: how long a line takes from one terminal to another, and a key while a thousand lines per second arrive.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154

# typist WHAT ROUNDS ROW COMMAND ...
typist() {
  local row=$3
  if "${on_disk[@]}" "$tools/typist" "$1" "$(scaled "$2" 10)" "${@:4}" >"$work/typist"; then
    record "$table" "$row" 'median, ms' "$(cut -f 1 "$work/typist")"
    record "$table" "$row" 'p99, ms' "$(cut -f 2 "$work/typist")"
    record "$table" "$row" 'longest, ms' "$(cut -f 3 "$work/typist")"
  else
    note "nothing measured: $row"
  fi
}

# Send a thousand lines per second, in a hundred commits, until the file $work/flooding is removed.
flood() {
  while [ -e "$work/flooding" ]; do
    seq 10
    sleep 0.01
  done | chat-send -l -r tea -u flood
}

table='People, with chat-talk'
for milliseconds in -1 0; do
  set_disk $milliseconds
  syncs=$([ "$disk" = 0 ] || echo ', no syncs')
  for build in "${builds[@]}"; do
    [ -x "$work/programs/$build/chat-talk" ] || continue # the baseline may be older
    use "$build"
    chat-spool open tea
    typist line 200 "from Enter to the other terminal$of$syncs" chat-talk -u alice tea ::: chat-talk -u bob tea
    typist line 200 "from Enter to both of two other terminals$of$syncs" chat-talk -u alice tea ::: chat-talk -u bob tea ::: chat-talk -u carol tea
    : >"$work/flooding"
    flood &
    typist key 200 "from a key to the screen, 1,000 lines per second arriving$of$syncs" chat-talk -u alice tea
    rm "$work/flooding"
    wait $!
  done
done

# Start-up: how the instructions of one command are spent, counted by callgrind.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154

# spent FUNCTION: print the instructions of the function and everything that it calls; 0 if it is not called or has no
# name.
spent() { awk -v name="$1" '$2 == name { print $1; found = 1; exit } END { if (!found) print 0 }' "$work/spent"; }

# spend ROW COMMAND ...
spend() {
  local row=$1 all main open schema prepared stepped
  shift
  valgrind --tool=callgrind --callgrind-out-file="$work/profile" --log-file="$work/log" "$@" </dev/null 2>&1 | cat >/dev/null
  # Lines like "168,067 (22.93%)  ???:sqlite3Init [/usr/bin/chat-send]".
  callgrind_annotate --inclusive=yes --threshold=100 --auto=no "$work/profile" |
    sed -nE 's/^ *([0-9,]+) \([^)]*\) +[^ ]*:([^ :]+) .*/\1 \2/p' | tr -d , >"$work/spent"
  all=$(awk '/^summary:/ { print $2 }' "$work/profile")
  main=$(spent main)
  open=$(spent sqlite3_open_v2)
  open=$((open + $(spent sqlite3_initialize)))
  schema=$(spent sqlite3Init)
  prepared=$(($(spent sqlite3_prepare_v3) - schema))
  stepped=$(spent sqlite3_step)
  spent_on "$row" 'all' "$all"
  spent_on "$row" 'before main' $((all - main))
  spent_on "$row" 'SQLite set up, the file opened' "$open"
  spent_on "$row" 'its schema read' "$schema"
  spent_on "$row" 'statements prepared' "$prepared"
  spent_on "$row" 'statements run' "$stepped"
  spent_on "$row" 'all the rest' $((main - open - schema - prepared - stepped))
}

# spent_on ROW WHAT INSTRUCTIONS
spent_on() { record "$table" "$1" "$2" "$(thousands <<<"$3")"; }

table='What one command is spent on, thousand instructions'
. "$bench/count.bash"
start_contenders "${builds[@]}"
for build in "${builds[@]}"; do
  use "$build"
  chat-send first
  keep_index
  chat-recv >/dev/null
  chat-send second
  spend "chat-send$of" chat-send "$message"
  spend "chat-recv$of" chat-recv
done
stop_contenders

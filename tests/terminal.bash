# People at terminals: tmux runs programs on a terminal of a given size, types into it, and shows its contents. Load
# this file after the helper; a file that uses it calls terminal_teardown in its teardown.
#
# shellcheck shell=bash

# The size of the next terminal.
COLUMNS_OF_TERMINAL=70
ROWS_OF_TERMINAL=20

tm() { tmux -u -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null "$@" 3>&-; }

# terminal NAME COMMAND [ARG ...]: run the command on a new terminal. After its end the terminal's contents stay
# visible, and its status is in NAME.status. (tmux 3.3 does not always collect the status of its children.)
# A sanitized program looks for no leaks there: to look for them it stops itself, and it waits forever if the SIGCONT of a terminal
# that hangs up comes at that moment.
terminal() {
  local name=$1
  shift
  needs tmux
  rm -f "$name.status"
  # shellcheck disable=SC2016  # for the inner shell
  tm start-server \; set-option -g remain-on-exit on \; set-option -g status off \; \
    new-session -d -s "$name" -x "$COLUMNS_OF_TERMINAL" -y "$ROWS_OF_TERMINAL" \
    "$(printf 'exec bash -c '; printf '%q ' '"${@:2}"; echo $? >"$1"' - "$PWD/$name.status" env --default-signal=INT,QUIT,HUP,TSTP "ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0" "$@")"
}

# keys NAME KEY ...: press keys by tmux's names for them. types NAME TEXT: type the text literally. enters NAME TEXT:
# type a line.
keys() { tm send-keys -t "$1" "${@:2}"; }
types() { tm send-keys -t "$1" -l -- "$2"; }
enters() { types "$1" "$2" && keys "$1" Enter; }

# pastes NAME TEXT: paste the text, marked as a paste if the program asks for that.
pastes() { tm set-buffer -- "$2" \; paste-buffer -p -t "$1"; }

# resize NAME COLUMNS ROWS
resize() { tm resize-window -t "$1" -x "$2" -y "$3"; }

# pid_of NAME: print the process id of the command on the terminal.
pid_of() { pgrep -P "$(tm display-message -p -t "$1" '#{pane_pid}')"; }

# picture NAME [-S -]: print the terminal's contents, without empty rows at the end; with -S - also the rows that have
# scrolled out at the top. Times of day become hh:mm.
picture() {
  local rows
  rows=$'\n'$(tm capture-pane -p -t "$1" "${@:2}")
  rows=${rows//$'\n'[0-2][0-9]:[0-5][0-9] /$'\n'hh:mm }
  printf '%s\n' "${rows#?}"
}

# cursor NAME: print the position of the cursor, as COLUMN,ROW.
cursor() { tm display-message -p -t "$1" '#{cursor_x},#{cursor_y}'; }

# ended NAME STATUS: true if the program on the terminal has ended with this status.
ended() { file_has "$1.status" "$2"; }

# shows NAME TEXT: true if one row of the terminal contains this text. (For wait_until.)
shows() { [[ $(picture "$1") == *"$2"* ]]; }
shows_not() { [[ $(picture "$1") != *"$2"* ]]; }

# last_row NAME TEXT: true if the last row that is not empty contains this text.
last_row() {
  local rows
  rows=$(picture "$1")
  [[ ${rows##*$'\n'} == "$2" ]]
}

# sees NAME TEXT [-S -]: wait until the picture is exactly this text. (When a terminal becomes narrower, tmux scrolls
# rows out at its top although others are empty.)
sees() {
  local end=$((SECONDS + ${WAIT_LIMIT:-30}))
  until [[ $(picture "$1" "${@:3}") == "$2" ]]; do
    if ((SECONDS >= end)); then
      batslib_print_kv_single_or_multi 8 expected "$2" seen "$(picture "$1" "${@:3}")" |
        batslib_decorate "the terminal of $1 shows something else" | fail
      return
    fi
    moment 0.02
  done
}

# terminals_end: the terminals, and what runs on them.
terminals_end() {
  local server
  if [[ -S $BATS_TEST_TMPDIR/tmux ]]; then
    server=$(tm display-message -p '#{pid}' 2>/dev/null) || server=
    tm kill-server 2>/dev/null || true
    [[ ! $server ]] || wait_until process_ended "$server"
  fi
}

terminal_teardown() {
  terminals_end
  chat_teardown
}

#!/usr/bin/env bats
# People with chat-talk, whose spool is on a cluster: a server that hangs, is stopped, or is replaced by another.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load fault
load ../terminal

setup_file() { cluster_for_file; }
teardown_file() { cluster_end; }

setup() {
  fault_setup
  TZ=UTC$((10#$(date -u +%H) - 12)) # it is noon here
  export TZ TERM=tmux-256color
  unset NO_COLOR COLUMNS EDITRC
  chat-spool open tea
}

teardown() {
  terminals_end
  fault_teardown
}

# person NAME: that person at a terminal of that name, in the room tea.
person() {
  terminal "$1" chat-talk -u "$1" tea
  wait_until last_row "$1" 'tea>'
}

read_by() { [[ $(chat-recv -p -q -a -r "tea/$1" || [[ $? == 1 ]] || echo failed) == '' ]]; }

# said TEXT: how often the room has this line.
said() { chat-recv -p -q -a -r tea -o '%u: %b\n' | grep -cxF -- "$1"; }

@test "when the server is stopped, chat-talk shows one line, keeps the typed line, and continues when the server is back" {
  person alice
  person bob
  enters alice one
  wait_until shows bob 'alice  one'
  wait_until read_by alice
  # A server that hangs keeps no person from typing.
  node_freeze node1 STOP
  types alice 'half-'
  wait_until last_row alice 'tea> half-'
  node_freeze node1 CONT
  node_stop node1 INT
  wait_until shows alice '-- no connection, looking for a server'
  wait_until shows bob '-- no connection, looking for a server'
  types alice typed
  wait_until last_row alice 'tea> half-typed'
  keys alice Enter
  wait_until shows alice '-- not sent: no connection'
  wait_until last_row alice 'tea> half-typed'
  run -69 chat-talk -s "$CHAT_SPOOL&connect_timeout=1" -u carol tea </dev/null
  node_start node1
  wait_until shows alice '-- connected again'
  wait_until shows bob '-- connected again'
  keys alice Enter
  wait_until shows bob 'alice  half-typed'
  sees alice '-- tea: no unread messages
hh:mm alice  one
-- no connection, looking for a server
-- not sent: no connection
-- connected again
hh:mm alice  half-typed
tea>'
}

# sent_at_last NAME LINE: the line was sent; if it was put back, send it again.
sent_at_last() {
  ! last_row "$1" "tea> $2" || keys "$1" Enter
  shows "$1" "$1  $2"
}

@test "a line that is sent while another server takes over is sent once" {
  person alice
  person bob
  enters alice one
  wait_until shows bob 'alice  one'
  node_kill node1
  enters alice two
  cluster_promote >/dev/null
  wait_until sent_at_last alice two
  wait_until shows bob 'alice  two'
  assert_equal "$(said 'alice: two')" 1
}

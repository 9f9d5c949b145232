#!/usr/bin/env bats
# Recorded sessions: tests/sessions/run repeats them, and all that the programs print must be what was recorded. Sessions with many small
# steps notice what tests of single features miss: a column, a limit, a word, a byte that a terminal receives.

load helper

setup() {
  chat_setup
  needs python3
  # It is noon here, so no session sees midnight.
  TZ=UTC$((10#$(date -u +%H) - 12))
  export TZ TERM=tmux-256color CHAT_SPOOL=s.db DATA=$REPOSITORY/tests/sessions
  unset NO_COLOR COLUMNS EDITRC
}

# session NAME: repeat the session, with this directory as the current one.
session() {
  run "$REPOSITORY/tests/sessions/run" ${RECORD:+--record} "$REPOSITORY/tests/sessions/$1.session"
  assert_output ''
  assert_success
}

@test "chat-spool list, show, readers, check, version and where print what was recorded" {
  session list
}

@test "chat-spool move, requeue, delete and wait print what was recorded, and ask" {
  session change
}

@test "chat-spool open, readers, seek, forget, config and init print what was recorded" {
  session open
}

@test "chat-spool dump, load, copy, backup, restore and compact print what was recorded" {
  unsound 'it has spools that were damaged'
  session dump
}

@test "chat-talk draws what is typed as recorded, at each size of the terminal" {
  session typing
}

@test "chat-talk shows messages, commands and bells as recorded" {
  session room
}

@test "chat-talk shows trouble with the spool as recorded, and goes on when it is over" {
  needs prlimit
  session trouble
}

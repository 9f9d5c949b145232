# Numbers beyond 32 bits: ids, times, the sizes of files.

load helper

# next_id ID: set the id of the next message.
next_id() { sqlite3 "$SPOOL" "UPDATE room SET next_id = $1 WHERE number = 0"; }

# If a position in the lock file had 32 bits, the lock on the second id would be the lock on the first.
@test "a claim on a message does not claim the message whose id is larger by 2^32 or by 2^31" {
  local id
  for id in $(((1 << 32) + 1)) $(((1 << 31) + 1)); do
    rm -rf "$HOME/.local"
    chat-send first
    next_id "$id"
    chat-send second
    mkfifo hold
    background chat-recv -- bash -c 'touch held; cat hold'
    wait_until test -e held
    run -0 chat-recv -o '%i %b'
    assert_output "$id second"
    echo >hold
    finish "$BACKGROUND_PID"
    assert_success
    rm hold held
    assert_empty_room
  done
}

@test "a message with an id beyond 2^32 is claimed while its command runs, and then deleted" {
  local id=$(((1 << 32) + 5))
  chat-send first
  chat-recv
  next_id "$id"
  chat-send -l <<<$'a\nb'
  mkfifo hold
  background chat-recv -- bash -c 'touch held; cat hold'
  wait_until test -e held
  run -0 chat-recv -o '%i %b'
  assert_output "$((id + 1)) b"
  assert_empty_room
  run -0 ask 'SELECT id FROM message'
  assert_output "$id"
  echo >hold
  finish "$BACKGROUND_PID"
  assert_success
  run -0 ask 'SELECT count(*) FROM message'
  assert_output 0
}

@test "a message delayed until 2100 is not due, and one that expires in 2100 is not expired" {
  chat-send -d 2100-01-02T03:04:05Z later
  chat-send -x 2100-01-02T03:04:05Z now
  run -0 chat-recv
  assert_output now
  assert_empty_room
  run -0 ask 'SELECT due FROM message'
  assert_output 4102542245000
}

@test "a message sent before 1901 shows its time" {
  chat-send -J <<<'{"body":"old","time":"1900-01-02T03:04:05.006Z"}'
  run -0 chat-recv -o '%t'
  assert_output --partial 1900-01-02
}

@test "a file of 3 GiB and a few bytes is refused as too long, not as unreadable or short" {
  truncate -s $((3 << 30)) large || skip 'no files of that size here'
  run --separate-stderr chat-send -f large
  assert_error 65 'chat-send: the message is longer than'
  truncate -s $(((4 << 30) + 10)) large
  run --separate-stderr chat-send -f large
  assert_error 65 'chat-send: the message is longer than'
}

# Six bytes of JSON for each byte of a body are more than a size_t of 32 bits can represent.
@test "a spool for bodies of 716 MB accepts a JSON line of 100 KB" {
  chat-spool config max-length 715827883
  head -c 100000 /dev/zero | tr '\0' x >body
  printf '{"body":"%s"}\n' "$(<body)" | chat-send -J
  chat-recv -o '%b' >out
  cmp body out
}

# The pause would have no length: a receiver that waits for a locked spool would try again without a rest.
@test "no program calls the ppoll() of 32-bit times if a long has 32 bits" {
  local program
  [[ $(od -An -tu1 -j4 -N1 "$CHAT_BIN/chat-recv") -eq 1 ]] || skip 'a long has 64 bits'
  needs nm
  for program in chat-send chat-recv chat-talk chat-spool; do
    run -0 nm -D --undefined-only "$CHAT_BIN/$program"
    assert_output --partial ppoll64
    refute_output --regexp ' ppoll@'
  done
}

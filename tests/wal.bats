#!/usr/bin/env bats
# The write-ahead log (WAL): emptying it is one step that is valid at every instant; data that was on the disk is never
# dropped from it without a report; and chat-spool check --repair saves the messages in a damaged one.

# The scripts in single quotes expand later; the helper sets $SPOOL.
# shellcheck disable=SC2016,SC2154

load helper

setup() {
  chat_setup
  : >in
}

# spool_of COUNT: create a spool with that many messages in its WAL, "message N" with the id N + 1.
spool_of() {
  local n
  chat-send first
  chat-recv -q >first
  for ((n = 1; n <= $1; n++)); do chat-send "message $n"; done
}

# large: create a file of 6 MB.
large() { head -c 6000000 /dev/urandom >large; }

# number FILE AT: print the 32-bit number there, most significant byte first.
number() { echo $((16#$(od -An -tx1 -j "$2" -N4 "$1" | tr -d ' \n'))); }

# flip FILE AT: flip one bit of it.
flip() {
  local byte
  byte=$(od -An -tu1 -j "$2" -N1 "$1")
  printf '%b' "\\x$(printf %x $((byte ^ 16)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# damaged_wal PATTERN: chat-recv and chat-spool check report that the WAL is damaged, and do not change it.
damaged_wal() {
  local before
  before=$(cksum "$SPOOL-wal")
  run --separate-stderr chat-recv -p
  assert_regex "$status: $stderr" "^65: chat-recv: spool '$SPOOL' is damaged: $1"
  run --separate-stderr chat-send more
  assert_regex "$status: $stderr" "^65: chat-send: spool '$SPOOL' is damaged: $1"
  run --separate-stderr chat-spool check
  assert_regex "$status: $stderr" "^65: .*is damaged: $1"
  assert_equal "$(cksum "$SPOOL-wal")" "$before"
}

# ---------------------------------------------------------------- emptied

@test "a sender that is killed at any call that empties a large WAL leaves a sound spool" {
  local call n calls
  needs strace
  ! sanitized || skip 'a sanitized program is not traced'
  large
  spool_of 3
  cp -a "$HOME/.local" before
  strace -o trace -P "$SPOOL-wal" -P "$SPOOL" -e trace=pwrite64,ftruncate,fdatasync chat-send -f large
  # The last calls: the end of the commit, the checkpoint, and the calls after it.
  mapfile -t calls < <(awk -F '(' '/^[a-z0-9]+\(/ { print $1, ++n[$1] }' trace | tail -n 6)
  assert [ "${#calls[@]}" == 6 ]
  for call in "${calls[@]}"; do
    n=${call#* }
    rm -rf "$HOME/.local"
    cp -a before "$HOME/.local"
    run -137 strace -qq -o trace -P "$SPOOL-wal" -P "$SPOOL" -e "trace=${call% *}" -e "inject=${call% *}:signal=KILL:when=$n" \
      chat-send -f large
    run -0 chat-spool check -q
    run -0 chat-recv -p -a -o '%i\n'
    assert_regex "$output" $'^2\n3\n4(\n5)?$'
  done
}

@test "an emptied WAL keeps its blocks, and a large one returns them to the disk" {
  large
  spool_of 3
  chat-send -f large
  assert [ "$(stat -c %s "$SPOOL-wal")" -le 4120032 ]
  chat-recv -a >/dev/null
  for n in {1..60}; do chat-send "$n"; done
  assert [ "$(stat -c %s "$SPOOL-wal")" -ge 200000 ]
}

# ---------------------------------------------------------------- damaged

# The files that version 0.1.0 left when it was killed between two calls: a WAL that is truncated to 3 MiB, older than
# the spool.
@test "a WAL that version 0.1.0 has truncated is reported, and repaired without a loss" {
  needs strace
  ! sanitized || skip 'a sanitized program is not traced'
  large
  spool_of 3
  # All data is in the spool, and the WAL is intact.
  run -137 strace -qq -o trace -P "$SPOOL-wal" -e trace=ftruncate -e inject=ftruncate:signal=KILL:when=1 chat-send -f large
  truncate -s 3145728 "$SPOOL-wal"
  rm -f "$SPOOL-shm"
  damaged_wal 'a program of version 0\.1\.0 was killed'
  chat-spool check --repair || true
  run -0 chat-spool check
  run -0 chat-recv -p -a -o '%i %l\n'
  assert_output $'2 9\n3 9\n4 9\n5 6000000'
  assert_equal "$(stat -c %s "$SPOOL-wal-damaged")" 3145728
}

@test "garbage in the place of the WAL's header is reported, and the frames are saved" {
  spool_of 5
  head -c 32 /dev/urandom | dd of="$SPOOL-wal" conv=notrunc status=none
  rm "$SPOOL-shm" # or its index is used
  damaged_wal 'its WAL has no valid header'
  run chat-spool check --repair
  assert_regex "$output" "the WAL was repaired; a copy of the damaged one is '$SPOOL-wal-damaged'"
  run -0 chat-spool check
  run -0 chat-recv -a
  assert_output "$(seq -f 'message %.0f' 5)"
}

@test "a flipped bit in any frame before later commits is reported, and later messages are saved" {
  local frame frames
  spool_of 5
  cp -a "$HOME/.local" before
  frames=$(($(stat -c %s "$SPOOL-wal") / 4120))
  for ((frame = 1; frame < frames - 4; frame += 3)); do
    rm -rf "$HOME/.local"
    cp -a before "$HOME/.local" # which the kernel has marked no index of
    flip "$SPOOL-wal" $((32 + (frame - 1) * 4120 + 24 + 2000))
    damaged_wal "its WAL breaks off after [0-9]+ of [0-9]+ frames; use 'chat-spool check --repair'"
    run chat-spool check --repair
    assert_regex "$status" '^(0|65)$'
    run -0 chat-spool check
    run -0 chat-recv -a
    assert_output "$(seq -f 'message %.0f' 5)"
  done
}

@test "a flipped bit in the header of a frame is reported and repaired" {
  local at
  spool_of 5
  cp -a "$HOME/.local" before
  for at in 3 7 9 13 17 23; do # page, pages after the commit, salt, checksum
    rm -rf "$HOME/.local"
    cp -a before "$HOME/.local"
    flip "$SPOOL-wal" $((32 + 5 * 4120 + at))
    damaged_wal 'its WAL breaks off'
    run chat-spool check --repair
    run -0 chat-spool check
    run -0 chat-recv -a -r main -r damaged
    assert_line --partial 'message 5'
  done
}

@test "check finds and repairs a damaged WAL even if its index exists" {
  spool_of 5
  flip "$SPOOL-wal" 40
  run -65 chat-spool check
  assert_output --partial 'its WAL breaks off after 0 of'
  run chat-spool check --repair
  run -0 chat-spool check
  run -0 chat-recv -a
  assert_output "$(seq -f 'message %.0f' 5)"
}

@test "a commit that was not acknowledged may be missing from the end of the WAL" {
  local frames
  spool_of 3
  frames=$(($(stat -c %s "$SPOOL-wal") / 4120))
  # Its record is as old as one that a power cut has left.
  dd if=/dev/zero of="$SPOOL-lock" bs=1 count=24 conv=notrunc status=none
  truncate -s $((32 + (frames - 1) * 4120)) "$SPOOL-wal"
  rm "$SPOOL-shm"
  run -0 chat-recv -a
  assert_output $'message 1\nmessage 2'
}

@test "a second damaged WAL does not replace the copy of the first" {
  spool_of 2
  for n in 1 2; do
    head -c 32 /dev/urandom | dd of="$SPOOL-wal" conv=notrunc status=none
    rm "$SPOOL-shm"
    chat-spool check --repair || true
    chat-send "again $n"
  done
  assert_file_exists "$SPOOL-wal-damaged"
  assert_file_exists "$SPOOL-wal-damaged-2"
  # There are at most 99 copies; the last one is replaced.
  for n in {3..98}; do : >"$SPOOL-wal-damaged-$n"; done
  for n in 1 2; do
    head -c 32 /dev/urandom | dd of="$SPOOL-wal" conv=notrunc status=none
    rm "$SPOOL-shm"
    run chat-spool check --repair
    assert_line "the WAL was repaired; a copy of the damaged one is '$SPOOL-wal-damaged-99'"
    assert_equal "$(stat -c %s "$SPOOL-wal-damaged-98")" 0
    chat-send "again $n"
  done
  run cmp -n 32 "$SPOOL-wal-damaged-99" "$SPOOL-wal-damaged-2"
  assert_failure 1
}

# A file from a stranger can be a hole of many TiB, which costs the stranger nothing.
@test "the copy of a damaged WAL with a hole of 2 GiB has the same hole" {
  spool_of 5
  printf garbage | dd of="$SPOOL-wal" conv=notrunc status=none
  truncate -s 2G "$SPOOL-wal" || skip 'no files of that size here'
  printf end >>"$SPOOL-wal"
  rm "$SPOOL-shm"
  run chat-spool check --repair
  assert_regex "$output" 'the WAL was repaired'
  assert_equal "$(head -c 7 "$SPOOL-wal-damaged")" garbage
  assert_equal "$(stat -c %s "$SPOOL-wal-damaged")" $(((2 << 30) + 3))
  assert_equal "$(tail -c 3 "$SPOOL-wal-damaged")" end
  assert [ "$(stat -c %b "$SPOOL-wal-damaged")" -le 2048 ]
  run -0 chat-recv -a
  assert_output "$(seq -f 'message %.0f' 5)"
}

# A member of the group may write the lock file, and give the WAL a hole that costs nothing.
@test "after a failed sync the frames of the WAL are written again, not appended after a hole" {
  spool_of 5
  truncate -s 2G "$SPOOL-wal" || skip 'no files of that size here'
  printf '\1' | dd of="$SPOOL-lock" bs=1 seek=24 conv=notrunc status=none
  # A write after the first megabyte fails.
  run -0 bash -c "ulimit -f 1024; exec chat-send 'message 6'"
  assert_equal "$(od -An -tu1 -j24 -N1 "$SPOOL-lock" | tr -d ' ')" 0
  run -0 chat-recv -a
  assert_output "$(seq -f 'message %.0f' 6)"
}

@test "after a failed sync a WAL without frames is used again" {
  spool_of 5
  chat-spool compact
  assert_equal "$(od -An -tu4 -j16 -N4 "$SPOOL-shm" | tr -d ' ')" 0
  printf '\1' | dd of="$SPOOL-lock" bs=1 seek=24 conv=notrunc status=none
  chat-send 'message 6'
  assert_equal "$(od -An -tu1 -j24 -N1 "$SPOOL-lock" | tr -d ' ')" 0
  run -0 chat-recv -a
  assert_output "$(seq -f 'message %.0f' 6)"
}

# The kernel may drop the pages that it could not write. The index of the WAL, which a running process keeps, still has them.
@test "after a failed sync a frame of the WAL that is lost is reported, and not replaced by the next one" {
  needs strace
  ! sanitized || skip 'a sanitized program is not traced'
  spool_of 5
  background chat-recv -w -r other >received
  local receiver=$BACKGROUND_PID frames before
  wait_idle "$receiver"
  run --separate-stderr -74 strace -qq -o trace -P "$SPOOL-wal" -e inject=fdatasync:error=EIO chat-send 'message 6'
  assert_regex "$stderr" 'input/output error; the message may be stored'
  frames=$(od -An -tu4 -j16 -N4 "$SPOOL-shm")
  flip "$SPOOL-wal" $((32 + frames * 4120 - 50))
  before=$(cksum "$SPOOL-wal")
  run --separate-stderr -74 chat-send 'message 7'
  assert_equal "$stderr" "chat-send: cannot write spool '$SPOOL': input/output error"
  assert_equal "$(cksum "$SPOOL-wal")" "$before"
  # Without a process that has the index, the WAL ends before that frame.
  kill "$receiver"
  finish "$receiver"
  chat-send 'message 7'
  run -0 chat-recv -a
  assert_output "$(seq -f 'message %.0f' 5 && echo 'message 7')"
}

# ---------------------------------------------------------------- ids

@test "the id of a message whose sender died before the sync is not used again" {
  needs strace
  ! sanitized || skip 'a sanitized program is not traced'
  spool_of 0
  run -137 strace -qq -o trace -P "$SPOOL-wal" -e inject=fdatasync:retval=0:signal=KILL:when=1 chat-send transfer
  strace -y -o trace chat-recv >seen
  run -0 grep -nE 'fdatasync.*spool\.db-wal|write\(1' trace
  assert_regex "${lines[0]}" 'fdatasync\([0-9]+<[^>]*spool\.db-wal>\) += 0'
  assert_regex "${lines[1]}" 'write\(1'
}

@test "the next sender corrects a record in the lock file that is ahead of the spool" {
  spool_of 1
  printf '\377\377\377\377\377\377\377\0' | dd of="$SPOOL-lock" bs=1 seek=16 conv=notrunc status=none
  chat-send next
  assert_equal "$(od -An -td8 -j16 -N8 "$SPOOL-lock" | tr -d ' ')" 3
}

# word NUMBER: print its lower 32 bits, least significant byte first.
word() { printf '%b' "$(printf '\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))"; }

# record FRAMES: make the record in the lock file claim that FRAMES frames of the WAL are on the disk.
record() {
  local salt=()
  read -ra salt < <(od -An -tu4 -N8 "$SPOOL-lock")
  { word "$1" && word $((~(salt[0] ^ salt[1] * 3 ^ $1 * 5))); } | dd of="$SPOOL-lock" bs=1 seek=8 conv=notrunc status=none
}

@test "a record in the lock file of a WAL with four thousand million frames delays no command" {
  spool_of 5
  cp "$SPOOL-lock" before
  record "$(od -An -tu4 -j8 -N4 "$SPOOL-lock" | tr -d ' ')"
  cmp before "$SPOOL-lock"
  record $((0xffffffff))
  truncate -s 2G "$SPOOL-wal" || skip 'no files of that size here'
  run -0 timeout 20 chat-recv -p -a
  assert_output "$(seq -f 'message %.0f' 5)"
  run -0 timeout 20 chat-spool check -q
}

@test "a restore ignores a record in the lock file with an impossible id" {
  local id
  spool_of 5
  chat-spool backup saved.db
  for id in '\377\377\377\377\377\377\377\177' '\377\377\377\377\377\377\377\377' '\0\0\0\0\0\0\0\100'; do
    chat-send another
    head -c 36864 /dev/urandom >"$SPOOL"
    rm -f "$SPOOL-wal" "$SPOOL-shm"
    printf '%b' "$id" | dd of="$SPOOL-lock" bs=1 seek=16 conv=notrunc status=none
    chat-spool restore -q -y saved.db
    run -0 chat-spool check
    run -0 chat-recv -a -p
    assert_output "$(seq -f 'message %.0f' 5)"
  done
}

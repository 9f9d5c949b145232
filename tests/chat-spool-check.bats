#!/usr/bin/env bats
# chat-spool check and --repair: problems are found, reported, and repaired, and no readable message is lost; and how a
# receiver handles a damaged message.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load helper

# ---------------------------------------------------------------- tools

# three: send three messages to each of two rooms, and move them into one file.
three() {
  printf '%s\n' 'jobs one' 'jobs two' 'jobs three' | chat-send -l -r jobs -u alice
  printf '%s\n' 'mail one' 'mail two' 'mail three' | chat-send -l -r mail -u alice
  closed "$SPOOL"
}

# patch TEXT NEW [WHICH]: write NEW over the WHICH-th occurrence of TEXT in the file of the spool (default: every one).
patch() {
  local at n=0
  assert_equal "${#1}" "${#2}"
  while read -r at; do
    n=$((n + 1))
    [[ ${3:-$n} == "$n" ]] || continue
    printf %s "$2" | dd of="$SPOOL" bs=1 seek="$at" conv=notrunc status=none
    touch patched
  done < <(grep -obUaF -- "$1" "$SPOOL" | cut -d : -f 1)
  [[ -e patched ]] || fail "there is no $1"
  rm patched
}

# set_in SQL: change the spool with SQL.
set_in() { sqlite3 "$SPOOL" "$1" && closed "$SPOOL"; }

# faulty [PATTERN ...]: check exits with 65, prints one line on standard error, and for each pattern a line on standard
# output.
faulty() {
  local pattern
  run --separate-stderr chat-spool check
  assert_equal "$status" 65
  assert [ -n "$output" ]
  assert_regex "$stderr" "^chat-spool: spool '$SPOOL' has [0-9]+ faults?\$"
  for pattern; do assert_line --regexp "$pattern"; done
}

# repaired: check --repair reports the problem and repairs it, and then the spool is sound.
repaired() {
  run --separate-stderr -0 chat-spool check --repair
  assert [ -n "$output" ]
  run --separate-stderr -0 chat-spool check
  assert_output --regexp "^spool '$SPOOL' is sound: [0-9]+ messages? in [0-9]+ rooms?\$"
  assert_stderr ''
  sound
}

# works: the spool is usable.
works() {
  run -0 timeout 20 chat-send -r works x
  run -0 timeout 20 chat-recv -r works
  assert_output x
}

# all ROOM: print its bodies one after the other, and take them.
all() { timeout 20 chat-recv -qa -r "$1" || [[ $? == 1 ]]; }

# page_of MESSAGE: print the numbers of the page that contains the message's row, and of its overflow pages.
pages_of() { sqlite3 "$SPOOL" "SELECT pageno FROM dbstat WHERE name = 'message' AND pagetype = '$1'"; }

# rubbish PAGE: overwrite that page.
rubbish() {
  local size
  size=$(sqlite3 "$SPOOL" 'PRAGMA page_size')
  head -c "$size" /dev/urandom | dd of="$SPOOL" bs="$size" seek=$(($1 - 1)) conv=notrunc status=none
}

# hide_index NAME SQL: run the SQL without updating the index.
hide_index() {
  local definition root
  definition=$(sqlite3 "$SPOOL" "SELECT sql FROM sqlite_schema WHERE name = '$1'")
  root=$(sqlite3 "$SPOOL" "SELECT rootpage FROM sqlite_schema WHERE name = '$1'")
  sqlite3 "$SPOOL" 'PRAGMA writable_schema = on' \
    "UPDATE sqlite_schema SET type = 'view', name = 'v', tbl_name = 'v', rootpage = 0, sql = 'CREATE VIEW v AS SELECT 1' WHERE name = '$1'"
  sqlite3 "$SPOOL" "$2"
  sqlite3 "$SPOOL" 'PRAGMA writable_schema = on' \
    "UPDATE sqlite_schema SET type = 'index', name = '$1', tbl_name = 'message', rootpage = $root, sql = '$definition' WHERE name = 'v'"
  closed "$SPOOL"
}

# ---------------------------------------------------------------- sound ones

@test "check reports a sound spool as sound" {
  three
  chat-send -d 1h delayed
  run --separate-stderr -0 chat-spool check
  assert_output "spool '$SPOOL' is sound: 7 messages in 3 rooms"
  assert_stderr ''
  run --separate-stderr -0 chat-spool check -q
  assert_equal "$output$stderr" ''
  run --separate-stderr -0 chat-spool check --repair --quiet
  assert_equal "$output$stderr" ''
}

@test "check and --repair change nothing in a sound spool" {
  local before
  three
  run -123 chat-recv -r jobs --backoff 1h -- false
  chat-send -r jobs -k key -x 2099-01-01 -d 2098-01-01 later
  before=$(rows)
  run -0 chat-spool check
  run -0 chat-spool check --repair
  assert_equal "$(rows)" "$before"
  run -0 chat-recv -a -r jobs
  assert_output $'jobs two\njobs three'
}

@test "check exits with 1 if there is no spool, and creates none" {
  local option
  for option in '' -q --repair; do
    # shellcheck disable=SC2086
    run --separate-stderr chat-spool check $option
    assert_error 1 "chat-spool: No spool '$SPOOL'"
  done
  assert_not_exist "$HOME/.local"
}

@test "spools with all kinds of messages are sound, even at every moment of concurrent use" {
  local pids=() i
  for i in a b c; do
    background bash -c 'until [[ -e stop ]]; do
      chat-send -r "$1" -k "$RANDOM" x; chat-send -r "$1" -d 0.05 y; chat-send -r "$1" -x 0.05 z; seq 50 | chat-send -l -r "$1"
      chat-recv -q -c 40 -r "$1"; chat-recv -q -r "$1" --backoff 0.01 -- false; chat-recv -q -r "$1" --tries 1 -- false
    done' crowd "$i" >/dev/null 2>&1
    pids+=("$BACKGROUND_PID")
  done
  wait_until chat-spool check -q
  for i in {1..15}; do run --separate-stderr -0 chat-spool check; done
  touch stop
  for i in "${pids[@]}"; do finish "$i"; done
  run --separate-stderr -0 chat-spool check
  sound
}

# ---------------------------------------------------------------- damaged messages

@test "check finds a flipped byte in a body and moves the message with its bytes to the room damaged" {
  three
  patch 'jobs two' 'jobs twO'
  faulty '\b2\b.*jobs'
  # Looking changes nothing.
  run -0 chat-spool list -1
  assert_output $'jobs\nmail'
  repaired
  assert_equal "$(all jobs)" $'jobs one\njobs three'
  assert_equal "$(all mail)" $'mail one\nmail two\nmail three'
  assert_equal "$(all damaged)" 'jobs twO'
  works
}

@test "check finds a flipped byte in the sender, the host, the time, the key and the id" {
  local change
  for change in "sender = 'alicf'" "host = host || 'x'" 'sent = sent + 1' "key = 'other'" 'checksum = checksum + 1' 'id = 1000'; do
    rm -rf "$HOME/.local"
    three
    set_in "UPDATE message SET $change WHERE CAST(body AS TEXT) = 'jobs two'"
    faulty
    repaired
    assert_equal "$change: $(all jobs)" "$change: "$'jobs one\njobs three'
    assert_equal "$(all damaged)" 'jobs two'
    works
  done
}

@test "a flipped byte in the name of a room costs no message" {
  local which
  # The name occurs in the table and in the index of names.
  for which in 1 2; do
    rm -rf "$HOME/.local"
    three
    patch jobs jobz "$which" 2>/dev/null || true
    run chat-spool check
    assert_equal "$status" 65
    repaired
    run sh -c 'for room in $(chat-spool list -1); do chat-recv -a -r "$room"; done | sort'
    assert_output "$(printf '%s\n' 'jobs one' 'jobs two' 'jobs three' 'mail one' 'mail two' 'mail three' | sort)"
    works
  done
}

@test "a flipped byte in the name of a room's row moves only that room's messages to damaged" {
  three
  set_in "UPDATE room SET name = 'jobz' WHERE name = 'jobs'"
  faulty
  repaired
  assert_equal "$(all damaged)" $'jobs one\njobs two\njobs three'
  assert_equal "$(all mail)" $'mail one\nmail two\nmail three'
  works
}

@test "a message that belongs to no room is kept" {
  three
  set_in "UPDATE message SET position = 77 << 40 | 5 WHERE CAST(body AS TEXT) = 'jobs two'"
  faulty
  repaired
  assert_equal "$(all damaged)" 'jobs two'
  assert_equal "$(all jobs)" $'jobs one\njobs three'
}

@test "check finds fields that are not text, empty names and impossible positions, and loses nothing" {
  local change
  for change in "sender = ''" "sender = char(10)" 'place = -5' 'room = 5' 'due = 1' 'attempts = -1' "key = ''" 'due = -1' 'expires = -1' \
    "sender = CAST(x'ff' AS TEXT)"; do
    rm -rf "$HOME/.local"
    three
    set_in "UPDATE message SET $change WHERE CAST(body AS TEXT) = 'jobs two'"
    run timeout 20 chat-spool check
    [[ $status == 0 || $status == 65 ]] || fail "$change: check is $status"
    run timeout 20 chat-spool check --repair
    assert_equal "$change: $status" "$change: 0"
    run timeout 20 chat-spool check
    assert_equal "$change: $status" "$change: 0"
    [[ $change == expires* ]] || assert_equal "$change: $(for room in $(chat-spool list -1); do all "$room"; done | sort)" \
      "$change: $(printf '%s\n' 'jobs one' 'jobs three' 'jobs two' 'mail one' 'mail three' 'mail two')"
    works
  done
}

# ---------------------------------------------------------------- what a receiver does

@test "a receiver moves a damaged message to damaged, reports it, and continues" {
  three
  patch 'jobs one' 'jobs onE'
  run --separate-stderr -0 chat-recv -r jobs
  assert_output 'jobs two'
  assert_stderr "chat-recv: message 1 in room 'jobs' was damaged, and is in room 'damaged' now"
  run -0 chat-recv -r damaged
  assert_output 'jobs onE'
  run --separate-stderr -0 chat-recv -a -r jobs
  assert_output 'jobs three'
  assert_stderr ''
  sound
  run -0 chat-spool check
}

@test "a receiver that finds only damaged messages exits with 65, and the next one with 1" {
  local options
  chat-send one
  chat-send two
  closed "$SPOOL"
  patch one onE
  patch two twO
  run --separate-stderr chat-recv
  assert_equal "$status" 65
  assert_equal "$output" ''
  assert_equal "$stderr" "chat-recv: message 1 in room 'main' was damaged, and is in room 'damaged' now
chat-recv: message 2 in room 'main' was damaged, and is in room 'damaged' now"
  run --separate-stderr chat-recv
  assert_error 1 'chat-recv: No new messages'
  run -0 chat-recv -a -r damaged
  assert_output $'onE\ntwO'
}

@test "-a, -c, -F, -w and -t pass a damaged message, too" {
  local way
  for way in -a "-c 2" "-F -t 0.1" "-w -c 2" "-t 1 -c 2"; do
    rm -rf "$HOME/.local"
    three
    patch "jobs two" "jobs twO"
    # shellcheck disable=SC2086
    run --separate-stderr timeout 20 chat-recv -r jobs $way
    assert_equal "$way: $status: $output" "$way: 0: "$'jobs one\njobs three'
    assert_stderr "chat-recv: message 2 in room 'jobs' was damaged, and is in room 'damaged' now"
    run -0 chat-recv -r damaged
    assert_output "jobs twO"
  done
}

@test "no COMMAND runs for a damaged message" {
  three
  patch 'jobs two' 'jobs twO'
  run --separate-stderr chat-recv -a -r jobs -- sh -c 'cat; echo'
  assert_success
  assert_output $'jobs one\njobs three'
  [[ $stderr == *"message 2 in room 'jobs' was damaged"* ]]
}

@test "a peek skips a damaged message, reports it, and moves nothing" {
  unsound 'stays damaged'
  local before
  three
  patch 'jobs one' 'jobs onE'
  before=$(rows)
  run --separate-stderr -0 chat-recv -p -r jobs
  assert_output 'jobs two'
  assert_regex "$stderr" "^chat-recv: message 1 in room 'jobs'.* is damaged\$"
  run --separate-stderr -0 chat-recv -p -a -r jobs
  assert_output $'jobs two\njobs three'
  assert_equal "$(rows)" "$before"
  chat-recv -a -r jobs >/dev/null 2>&1
  chat-send -r jobs x
  closed "$SPOOL"
  set_in "UPDATE message SET sender = 'q' WHERE CAST(body AS TEXT) = 'x'"
  run --separate-stderr chat-recv -p -r jobs
  assert_equal "$status: $output" '65: '
}

@test "a damaged message in the room damaged is not moved again and again" {
  three
  patch 'jobs one' 'jobs onE'
  chat-recv -r jobs >/dev/null 2>&1
  closed "$SPOOL"
  patch 'jobs onE' 'jobs oNE'
  run --separate-stderr timeout 20 chat-recv -r damaged
  [[ $status == 65 || $status == 0 ]]
  run timeout 20 chat-spool check --repair
  assert_success
  run timeout 20 chat-recv -a -r damaged
  [[ $output == *'jobs oNE' || $status == 1 ]]
  sound
}

@test "a damaged message wakes a receiver that waits in the room damaged" {
  three
  patch 'jobs one' 'jobs onE'
  background chat-recv -w -r damaged >out
  wait_blocked "$BACKGROUND_PID"
  chat-recv -r jobs >/dev/null 2>&1
  finish "$BACKGROUND_PID"
  assert_bytes out 'jobs onE\n'
}

@test "messages that a room counts but no receiver sees exit with 65, not as an empty room" {
  unsound 'stays damaged'
  three
  set_in 'DELETE FROM message'
  for options in '' -p '-c 3' '-t 0.1'; do
    # shellcheck disable=SC2086
    run --separate-stderr timeout 20 chat-recv -r mail $options
    assert_equal "$options: $status" "$options: 65"
    assert_error 65 "chat-recv: spool '$SPOOL' is damaged"
  done
}

@test "a page of messages in the place of another shows no message twice" {
  unsound 'stays damaged'
  local size count
  seq -f "%g $(printf 'x%.0s' {1..900})" 8 | chat-send -l
  closed "$SPOOL"
  mapfile -t pages < <(pages_of leaf)
  size=$(sqlite3 "$SPOOL" 'PRAGMA page_size')
  count=$(sqlite3 "$SPOOL" "SELECT ncell FROM dbstat WHERE pageno = ${pages[0]}")
  dd if="$SPOOL" bs="$size" skip=$((pages[0] - 1)) count=1 of=page status=none
  dd if=page of="$SPOOL" bs="$size" seek=$((pages[1] - 1)) conv=notrunc status=none
  for options in '-p -a' '-c 10'; do
    # shellcheck disable=SC2086
    run --separate-stderr timeout 20 chat-recv $options -o '%i\n'
    assert_equal "$options: $output" "$options: $(seq "$count")"
  done
  assert_equal "$status: $stderr" "65: chat-recv: spool '$SPOOL' is damaged"
  # The messages are gone then, and not received twice.
  run --separate-stderr timeout 20 chat-recv -a -o '%i\n'
  assert_equal "$output" ''
  faulty
}

@test "a header that makes the spool read-only exits with 65, not with a lack of permission" {
  three
  printf '\3' | dd of="$SPOOL" bs=1 seek=18 conv=notrunc status=none
  run --separate-stderr chat-send x
  assert_error 65 "chat-send: spool '$SPOOL' is damaged"
  # The message can be read, and nothing else.
  run --separate-stderr chat-recv -r jobs
  assert_equal "$status: $output" '65: jobs one'
  assert_stderr "chat-recv: spool '$SPOOL' is damaged"
}

# ---------------------------------------------------------------- counters, indices, modes, schema

@test "check finds and corrects changed counters" {
  local change
  for change in 'depth = depth + 5' 'depth = 0' 'bytes = bytes - 1' 'next_due = NULL' 'next_expiry = NULL'; do
    rm -rf "$HOME/.local"
    three
    chat-send -r jobs -d 0.01 -x 1h delayed
    set_in "UPDATE room SET $change WHERE name = 'jobs'"
    run --separate-stderr chat-spool check
    assert_equal "$change: $status" "$change: 65"
    assert_output --partial jobs
    repaired
    assert_equal "$change: $(timeout 20 chat-recv -w -c 4 -r jobs)" "$change: "$'jobs one\njobs two\njobs three\ndelayed'
    works
  done
}

# tests/data/faults.txt holds changes to the spool that faults.jsonl describes, each after "> ". The report of the repair
# follows, and then the rows that the repaired spool has and the original does not have: rows of the table room, the sum
# of the column "returned", and messages with the number of their room and their place.
FAULTS_ROWS="SELECT number, name, depth, bytes, next_due, next_expiry, next_id, max_length, default_room, source, seen, slowest, keep,
  most, missed, last FROM room ORDER BY number; SELECT 'returned', sum(returned) FROM room; SELECT position >> 40,
  position & 0xffffffffff, id, room, key, place, due, expires, sent, sender, host, attempts, failed, failure, checksum,
  CAST(body AS TEXT) FROM message ORDER BY position;"

@test "each fault is reported and repaired as recorded, and all other rows stay as they are" {
  local data=$REPOSITORY/tests/data n page changes files=(original)
  chat-spool load -q <"$data/faults.jsonl"
  set_in 'UPDATE room SET last = 1796066158400 + number WHERE last IS NOT NULL'
  sqlite3 "$SPOOL" "$FAULTS_ROWS" >original
  mapfile -t changes < <(sed -n 's/^> //p' "$data/faults.txt")
  assert [ "${#changes[@]}" -gt 60 ]
  for n in "${!changes[@]}"; do
    cp "$SPOOL" "$n.db"
    printf '.open %s.db\n%s\n;\n' "$n" "${changes[n]}"
  done | sqlite3
  # A wrong number of free bytes on the first page of the messages does not hide a row from SQLite.
  page=$(sqlite3 "$SPOOL" "SELECT rootpage FROM sqlite_schema WHERE name = 'message'")
  for n in "${!changes[@]}"; do
    [[ ${changes[n]} != *header ]] || printf '\77' | dd of="$n.db" bs=1 seek=$(((page - 1) * 4096 + 7)) conv=notrunc status=none
  done
  for n in "${!changes[@]}"; do
    echo "> ${changes[n]}"
    chat-spool check --repair -s "$n.db" 2>&1 || echo "status $?"
  done | awk '/^> / { n++ } { print >(n - 1 ".report") }'
  for n in "${!changes[@]}"; do
    printf '.output %s.rows\n.open %s.db\n%s\n' "$n" "$n" "$FAULTS_ROWS"
  done | sqlite3
  rm ./*.db-lock # each would be checked once more
  for n in "${!changes[@]}"; do files+=("$n.report" "$n.rows"); done
  awk 'FILENAME == "original" { original[$0]; next } !($0 in original)' "${files[@]}" | sed "s|$PWD/||; s|'[0-9]*.db'|SPOOL|" |
    is_recorded data/faults.txt
}

@test "impossible settings exit with 65, and --repair sets those of a new spool" {
  local change
  for change in "default_room = CAST(x'1b5b33316d' AS TEXT)" "default_room = '../x'" 'max_length = 0' 'max_length = -1' 'max_length = 1 << 40'; do
    rm -rf "$HOME/.local"
    three
    set_in "UPDATE room SET $change WHERE number = 0"
    for command in 'chat-send x' 'chat-spool config' 'chat-recv' 'chat-recv -a'; do
      # shellcheck disable=SC2086
      run --separate-stderr $command
      assert_error 65 "${command%% *}: spool '$SPOOL' is damaged"
    done
    faulty 'the settings'
    repaired
    run -0 chat-spool config
    assert_output $'max-length 67108864\ndefault-room main'
    assert_equal "$(all jobs)" $'jobs one\njobs two\njobs three'
  done
}

@test "check finds a next id that was set back, and no id is used again" {
  three
  set_in 'UPDATE room SET next_id = 2 WHERE number = 0'
  faulty
  repaired
  run -0 chat-send -i x
  assert [ "$output" -ge 7 ]
}

@test "a repair that has lost the rooms uses no id again that was received before" {
  local damage last
  for damage in rubbish row; do
    rm -rf "$HOME/.local"
    chat-send -d 1h 'still to come'
    seq 100 | chat-send -l
    last=$(chat-recv -a -o '%i\n' | sort -n | tail -n 1)
    closed "$SPOOL"
    if [[ $damage == rubbish ]]; then
      for page in $(sqlite3 "$SPOOL" "SELECT pageno FROM dbstat WHERE name IN ('room', 'sqlite_autoindex_room_1')"); do rubbish "$page"; done
    else
      set_in 'DELETE FROM room WHERE number = 0'
    fi
    run --separate-stderr -0 chat-spool check --repair
    assert_line --regexp '^the next id was lost: new ids start at [0-9]+$'
    run -0 chat-spool check
    run -0 chat-send -i x
    assert [ "$output" -gt "$last" ]
    works
  done
}

@test "check finds and repairs missing and superfluous entries of an index" {
  local index
  for index in message_waiting message_key; do
    rm -rf "$HOME/.local"
    printf '%s\n' one two three | chat-send -l -r jobs -k key -x 2099-01-01
    chat-send -r jobs -k a -x 2099-01-01 four
    chat-send -r jobs -k b -d 1h -x 2099-01-01 five
    closed "$SPOOL"
    # An entry in the index but not in the table, and the other way round.
    hide_index $index "DELETE FROM message WHERE position & 0xffffffffff = 1"
    hide_index $index "UPDATE message SET key = NULL WHERE position & 0xffffffffff = 2; UPDATE message SET due = due + 1 WHERE due IS NOT NULL"
    run --separate-stderr chat-spool check
    assert_equal "$index: $status" "$index: 65"
    repaired
    run -0 bash -c 'for room in $(chat-spool list -1); do chat-spool dump "$room"; done | grep -c "\"body\""'
    assert_output "$(sqlite3 "$SPOOL" 'SELECT count(*) FROM message')"
    works
  done
}

@test "check reports a file that others may read, and --repair corrects its mode" {
  local suffix
  for suffix in '' -lock; do
    chat-send one
    chmod 644 "$SPOOL$suffix"
    faulty "$SPOOL$suffix.*644"
    repaired
    assert_equal "$(stat -c %a "$SPOOL$suffix")" 600
  done
}

@test "a file that others may write is refused with 77 and left alone" {
  unsound 'check refuses it'
  chat-send one
  chmod 666 "$SPOOL"
  run --separate-stderr chat-spool check --repair
  assert_error 77 'chat-spool: '
  assert_equal "$(stat -c %a "$SPOOL")" 666
}

@test "a changed schema, another file and a newer format exit with 65, and --repair leaves them alone" {
  unsound 'check refuses it'
  local before
  three
  sqlite3 "$SPOOL" 'CREATE TRIGGER evil AFTER INSERT ON message BEGIN DELETE FROM message; END'
  closed "$SPOOL"
  before=$(sha256sum "$SPOOL")
  run chat-spool check
  assert_equal "$status" 65
  assert_equal "$(sha256sum "$SPOOL")" "$before"
  rm -rf "$HOME/.local"
  three
  sqlite3 "$SPOOL" 'PRAGMA user_version = 99'
  closed "$SPOOL"
  before=$(sha256sum "$SPOOL")
  run chat-spool check --repair
  assert_equal "$status" 65
  assert_equal "$(sha256sum "$SPOOL")" "$before"
  echo 'no spool at all' >"$SPOOL"
  run --separate-stderr chat-spool check --repair
  assert_equal "$status" 65
  assert_bytes "$SPOOL" 'no spool at all\n'
}

# ---------------------------------------------------------------- broken structure

# many: send 1500 messages in some 60 pages, alternately to two rooms.
many() {
  seq -f "message %04.0f $(printf 'x%.0s' {1..150})" 1 750 | chat-send -l -r a
  seq -f "message %04.0f $(printf 'x%.0s' {1..150})" 751 1500 | chat-send -l -r b
  closed "$SPOOL"
}

# numbers: print the numbers of all messages in all rooms, sorted, and take nothing.
numbers() { chat-spool dump | grep -o '"message [0-9]*' | cut -d ' ' -f 2 | sort; }

@test "pages of messages with garbage: repair keeps every message on the other pages" {
  local page cells
  many
  mapfile -t pages < <(pages_of leaf)
  assert [ "${#pages[@]}" -ge 30 ]
  for page in "${pages[5]}" "${pages[20]}"; do
    # The messages on the page are the most that can be lost.
    sqlite3 "$SPOOL" "SELECT ncell FROM dbstat WHERE name = 'message' AND pageno = $page" >>cells
    rubbish "$page"
  done
  cells=$(($(paste -sd + cells)))
  assert [ "$cells" -ge 20 ]
  run --separate-stderr timeout 60 chat-spool check
  assert_equal "$status" 65
  repaired
  numbers >kept
  assert_equal "$(sort -u kept | wc -l)" "$((1500 - cells))"
  assert_equal "$(wc -l <kept)" "$((1500 - cells))"
  works
  # The messages are in their rooms and in order.
  run -0 bash -c 'chat-recv -a -r a | cut -d " " -f 2 >seen; sort -c seen; chat-recv -a -r b | cut -d " " -f 2 >more; sort -c more; cat seen more | wc -l'
  assert_output "$((1500 - cells))"
}

@test "a root page of the messages with garbage: repair keeps the messages on the other pages" {
  many
  rubbish "$(pages_of internal | head -n 1)"
  run --separate-stderr timeout 60 chat-spool check
  assert_equal "$status" 65
  repaired
  assert_equal "$(numbers | sort -u | wc -l)" 1500
  works
}

# varied_lines: print a dump: rooms on several pages, keys of waiting messages, bodies of all lengths at which a row changes its pages, fields of all widths, a body that
# takes 800 pages, and messages before and behind it.
varied_lines() {
  awk 'function line(room, user, time, attempts, key, size) {
      id++
      printf "{\"id\":%.0f,\"room\":\"%s\",\"user\":\"%s\",\"host\":\"h\",\"time\":\"%s\",\"attempts\":%s,\"key\":%s,", id, room, user, time, attempts, key
      printf "\"place\":%.0f,\"due\":%s,\"expires\":null,\"body\":\"%.0f%s\"}\n", due == "null" ? id : 0, due, id, substr(long, 1, size - length(id))
    }
    function lines(room, first, last) { for (; first <= last; first++) line(room, "u", now, 0, "null", first) }
    BEGIN {
      now = "2026-11-30T19:14:05.870Z"
      due = "null"
      for (long = "x"; length(long) < 3400000;) long = long long
      id = 100
      for (n = 1; n <= 60; n++) line(substr(long, 1, 100) n, "u", now, 0, "null", 1)
      due = "\"2098-01-01T00:00:00.000Z\""
      for (id = 40; id < 60;) line("waiting", "u", now, 0, "\"key of " id "\"", 1)
      due = "null"
      id = 160
      lines("early", 500, 559)
      lines("sizes", 4020, 4034); lines("sizes", 4540, 4552); lines("sizes", 8112, 8126); lines("sizes", 8632, 8642)
      name = substr(long, 1, 255)
      line(name, name, "0000-01-01T00:00:00.000Z", 0, "\"" name "\"", 1)
      count = split("1970-01-01T00:00:00.001Z 1970-01-01T00:00:00.127Z 1970-01-01T00:00:00.128Z 1970-01-01T00:00:32.767Z " \
        "1970-01-01T00:00:32.768Z 1970-01-01T02:19:48.607Z 1970-01-01T02:19:48.608Z 1970-01-25T20:31:23.647Z " \
        "1970-01-25T20:31:23.648Z 9999-12-31T23:59:59.999Z 1969-12-31T23:59:59.999Z 1969-12-31T23:59:59.872Z 1969-12-31T23:59:59.871Z", times, " ")
      split("1 2 127 128 32767 32768 8388607 8388608 2147483647 2147483648 140737488355327 140737488355328 9007199254740992", numbers, " ")
      for (n = 1; n <= count; n++) line("fields", "u", times[n], numbers[n], "null", n)
      line("long", "u", now, 0, "null", 3400000)
      lines("late", 500, 559)
      for (id = 999; id < 1e12; id = id * 1000 + 999) line("fields", "u", now, 0, "null", 20)
    }'
}

@test "a rebuild keeps every bit of each message and each room, and brings no received message back" {
  varied_lines | chat-spool load -q
  chat-recv -q -c 50 -r early >received
  chat-recv -q -c 50 -r late >received
  closed "$SPOOL"
  sqlite3 "$SPOOL" 'SELECT * FROM message ORDER BY position' "SELECT number, name, depth, bytes, next_due FROM room WHERE number > 0" >before
  assert_equal "$(wc -l <before)" 239
  set_in 'DELETE FROM room WHERE number = 0'
  run --separate-stderr -0 chat-spool check --repair
  assert_line 'the spool was rebuilt from the 172 messages that can be read'
  sqlite3 "$SPOOL" 'SELECT * FROM message ORDER BY position' "SELECT number, name, depth, bytes, next_due FROM room WHERE number > 0 AND name <> 'damaged'" >after
  run cmp before after
  assert_output ''
}

@test "the configuration of a spool survives its repair" {
  many
  chat-spool config default-room b >/dev/null
  chat-spool config max-length 5000000 >/dev/null
  closed "$SPOOL"
  rubbish "$(pages_of internal | head -n 1)"
  run --separate-stderr timeout 60 chat-spool check
  assert_equal "$status" 65
  repaired
  run -0 chat-spool config
  assert_line 'default-room b'
  assert_line 'max-length 5000000'
  run -0 chat-recv
  assert_regex "$output" '^message [0-9]+'
}

@test "an index with garbage costs no message" {
  local page
  many
  for page in $(sqlite3 "$SPOOL" "SELECT pageno FROM dbstat WHERE name = 'message_waiting'"); do rubbish "$page"; done
  run --separate-stderr timeout 60 chat-spool check
  assert_equal "$status" 65
  repaired
  assert_equal "$(numbers | sort -u | wc -l)" 1500
  works
}

@test "a table of rooms with garbage costs no body" {
  many
  rubbish "$(sqlite3 "$SPOOL" "SELECT pageno FROM dbstat WHERE name = 'room'")"
  run --separate-stderr timeout 60 chat-spool check
  assert_equal "$status" 65
  repaired
  assert_equal "$(numbers | sort -u | wc -l)" 1500
  works
  # And no id is used again.
  run -0 chat-send -i x
  assert [ "$output" -gt 1500 ]
}

@test "a page of a long body with garbage: the rest is kept in damaged, and no other message is lost" {
  local page
  chat-send -r jobs first
  { head -c 100000 /dev/zero | tr '\0' a && head -c 100000 /dev/zero | tr '\0' b; } | chat-send -r jobs
  chat-send -r jobs last
  closed "$SPOOL"
  # Damage the middle of a page in the chain, not its beginning, which points to the next page.
  page=$(pages_of overflow | sed -n 20p)
  printf 'SPOILED' | dd of="$SPOOL" bs=1 seek=$(((page - 1) * $(sqlite3 "$SPOOL" 'PRAGMA page_size') + 500)) conv=notrunc status=none
  faulty
  repaired
  assert_equal "$(all jobs)" $'first\nlast'
  chat-recv -n -r damaged >seen
  assert_equal "$(stat -c %s seen)" 200000
  assert_equal "$(tr -d ab <seen)" SPOILED
}

@test "a long body with a broken page chain costs no other message" {
  chat-send -r jobs first
  head -c 200000 /dev/zero | tr '\0' a | chat-send -r jobs
  chat-send -r jobs last
  closed "$SPOOL"
  rubbish "$(pages_of overflow | sed -n 20p)"
  run --separate-stderr timeout 60 chat-spool check
  assert_equal "$status" 65
  repaired
  assert_equal "$(all jobs)" $'first\nlast'
  works
}

@test "repair keeps what is left of a truncated spool" {
  local pages left
  many
  pages=$(($(stat -c %s "$SPOOL") / 2 / 4096))
  left=$(sqlite3 "$SPOOL" "SELECT sum(ncell) FROM dbstat WHERE name = 'message' AND pagetype = 'leaf' AND pageno <= $pages")
  assert [ "$left" -ge 300 ]
  truncate -s $((pages * 4096)) "$SPOOL"
  run --separate-stderr timeout 60 chat-spool check
  assert_error 65 "chat-spool: spool '$SPOOL' is damaged"
  run --separate-stderr -0 timeout 60 chat-spool check --repair
  assert_line --index 0 'the file is shorter than it says'
  assert_line "the spool was rebuilt from the $left messages that can be read"
  numbers >kept
  assert_equal "$(sort -u kept | wc -l)" "$left"
  assert_not_exist "$SPOOL-repair"
  works
}

@test "after random damage check and --repair exit with a documented status, and a repaired spool is sound" {
  local n size at kept
  many
  size=$(stat -c %s "$SPOOL")
  cp "$SPOOL" whole
  # The same places each time.
  RANDOM=4
  for n in {1..6}; do
    rm -rf "$HOME/.local/state/chat"/*
    cp whole "$SPOOL" && chmod 600 "$SPOOL"
    for _ in 1 2 3; do
      at=$(((RANDOM * 32768 + RANDOM) % (size - 4096) + 4096))
      printf '%b' "\\x$(printf %x $((RANDOM % 256)))\\x$(printf %x $((RANDOM % 256)))" | dd of="$SPOOL" bs=1 seek=$at conv=notrunc status=none
    done
    run --separate-stderr timeout 60 chat-spool check
    [[ $status == 0 || $status == 65 ]] || fail "$n: check: $status $stderr"
    [[ $status == 65 ]] || continue
    touch damage-found
    run --separate-stderr timeout 60 chat-spool check --repair
    assert_equal "$n: $status $stderr" "$n: 0 "
    run --separate-stderr timeout 60 chat-spool check
    assert_equal "$n: $status" "$n: 0"
    # Damage at three places destroys at most three pages with some 20 messages each.
    kept=$(numbers | sort -u | wc -l)
    assert [ "$kept" -ge 1400 ]
    works
  done
  assert [ -e damage-found ]
}

@test "a claim survives a repair" {
  three
  patch 'mail two' 'mail twO'
  cat >hold <<'HOLD'
#!/bin/sh
echo $$ >started
for i in $(seq 1500); do [ -e go ] && exit 0; sleep 0.02; done
HOLD
  chmod +x hold
  background chat-recv -r jobs -- ./hold
  wait_until test -s started
  run --separate-stderr -0 chat-spool check --repair
  # The message is still claimed, and is deleted once.
  run -0 chat-recv -r jobs
  assert_output 'jobs two'
  touch go
  finish "$BACKGROUND_PID"
  assert_success
  assert_equal "$(all jobs)" 'jobs three'
  sound
}

# repaired_again: another repair works, and all messages are there; the second message of jobs is $SECOND.
repaired_again() {
  local expected
  WHY='another repair works'
  chat-spool check --repair >rest 2>&1 || return
  WHY='all messages are there'
  timeout 20 chat-spool dump 2>&1 | grep -o '"body":".*"' | sort >rest
  contents rest
  printf -v expected '"body":"%s"\n' 'jobs one' 'jobs three' "$SECOND" 'mail one' 'mail three' 'mail two'
  [[ $CONTENTS == "$expected" ]]
}

# bats test_tags=full
@test "a repair that is killed before any system call can be run again, and has lost nothing" {
  command -v strace >/dev/null || skip 'needs strace'
  ! sanitized || skip 'a sanitized program makes too many calls'
  : >in
  three
  patch 'jobs two' 'jobs twO'
  SECOND='jobs twO'
  keep_spool
  at_each_call repaired_again signal=KILL "$CHANGING" chat-spool check --repair
}

# bats test_tags=full
@test "a rebuild that is killed before any system call can be run again, and has lost nothing" {
  command -v strace >/dev/null || skip 'needs strace'
  ! sanitized || skip 'a sanitized program makes too many calls'
  : >in
  three
  rubbish "$(sqlite3 "$SPOOL" "SELECT pageno FROM dbstat WHERE name = 'message_key'")"
  rm -f "$SPOOL"-wal "$SPOOL"-shm
  SECOND='jobs two'
  keep_spool
  at_each_call repaired_again signal=KILL 'open|openat|write|fsync|fdatasync|ftruncate|link|linkat|rename|renameat2?|unlink|unlinkat|fchmod|fchmodat|exit_group' chat-spool check --repair
}

@test "--repair wakes a sender that waits because of wrong counters" {
  chat-send one
  sqlite3 "$SPOOL" "UPDATE room SET depth = 5 WHERE name = 'main'"
  background chat-send -m 2 -w two
  wait_blocked "$BACKGROUND_PID"
  run chat-spool check --repair
  assert_success
  finish "$BACKGROUND_PID"
  assert_success
  assert_equal "$(chat-recv -a)" $'one\ntwo'
}

@test "check finds and repairs a room that looks too late for its next delayed message" {
  chat-send -d 1h -r jobs later
  closed "$SPOOL"
  set_in "UPDATE room SET next_due = next_due + 1 WHERE name = 'jobs'"
  faulty "room 'jobs'"
  repaired
}

@test "a repair that cannot change the mode of a file reports it" {
  ! sanitized || skip 'a leak check ends a program under strace'
  needs strace
  chat-send one
  chmod 644 "$SPOOL-lock"
  run strace -qq -o trace -e inject=chmod,fchmodat:error=EPERM chat-spool check --repair
  assert_failure 65
  assert_output --partial "cannot change the mode of '$SPOOL-lock'"
  assert_equal "$(stat -c %a "$SPOOL-lock")" 644
  run -0 chat-spool check --repair
}

@test "check names each file that others may read, and --repair corrects its mode or replaces it" {
  local file mode found
  chat-send one
  for file in "$SPOOL"{,-wal,-shm,-lock,-reserve}; do
    [[ -e $file ]] || continue # an index that does not outlive its processes
    for mode in 640 604 700; do
      chmod $mode "$file"
      run chat-spool check
      assert_failure 65
      found="'$file' has the mode 0$mode, not 0600"
      assert_output "$found
chat-spool: spool '$SPOOL' has 1 fault"
      run -0 chat-spool check --repair
      assert_output "$found
its mode is 0600 now
spool '$SPOOL' is sound: 1 message in 1 room"
      assert_equal "$(stat -c %a "$file")" 600
    done
  done
  ln -sf out "$SPOOL-reserve"
  found="spool '$SPOOL-reserve' is not safe to use: it is a symbolic link"
  run chat-spool check
  assert_failure 65
  assert_output "$found
chat-spool: spool '$SPOOL' has 1 fault"
  run -0 chat-spool check --repair
  assert_output "$found
it was replaced
spool '$SPOOL' is sound: 1 message in 1 room"
  assert_equal "$(stat -c '%F %a %s' "$SPOOL-reserve")" 'regular file 600 1048576'
}

@test "a room with an expired message may look for it a second later, and not a minute later" {
  local now="CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
  chat-send -x 1h one
  closed "$SPOOL"
  # However late the check comes, this time is not more than a second away.
  set_in "UPDATE message SET expires = 1; UPDATE room SET next_expiry = $now + 900 WHERE number > 0"
  run -0 chat-spool check
  set_in "UPDATE room SET next_expiry = $now + 60000 WHERE number > 0"
  faulty "room 'main' has a wrong time for its next expiry"
  repaired
}

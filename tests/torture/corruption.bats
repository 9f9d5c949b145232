#!/usr/bin/env bats
# A damaged spool: flipped bits, a truncated file, and pages that were exchanged, copied and wiped, in the database, its
# WAL, the index of the WAL and the lock file; and hostile databases. The result is the right messages or 65; never
# other messages, a crash, a hang, or more memory than an intact spool takes.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load torture

# Each case costs a process, so the files are in memory if possible: only chat-send would wait for a disk.
setup() {
  torture_setup
  FAST=$(mktemp -d /dev/shm/chat-test-XXXXXX 2>/dev/null) || FAST=$BATS_TEST_TMPDIR
  cd "$FAST" || return
  export CHAT_SPOOL=$FAST/dir/spool.db
  MEMORY=(-m 64)
  ! sanitized || MEMORY=()
  export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
}

teardown() {
  chat_teardown
  cd / || return
  [[ $FAST == "$BATS_TEST_TMPDIR" ]] || rm -rf "$FAST"
}

ALL=(-r a -r b -o '%i %r %u %h %t %l %k %b\n')
TAKE=(chat-recv -c 100 "${ALL[@]}")
PEEK=(chat-recv -p -a "${ALL[@]}")

# messages: send messages to two rooms; the file "right" contains the expected lines.
messages() {
  local i
  [[ -x $FAULTS/corrupt ]] || skip 'needs a C compiler'
  for i in {1..6}; do echo "message $i $(printf 'x%.0s' {1..900})"; done | chat-send -l -r a -u alice
  head -c 5000 /dev/zero | tr '\0' y | chat-send -r a -u alice
  chat-send -r b -u bob -k key 'message 8'
  seq 9 28 | chat-send -l -r b -u carol
  "${PEEK[@]}" >right
  assert_equal "$(wc -l <right)" 28
}

# one_file: put all messages in the database; the WAL is empty.
one_file() {
  messages
  closed "$CHAT_SPOOL"
  assert_not_exist "$CHAT_SPOOL-wal"
}

# with_log: put the first messages in the database, those from 8 on in the WAL.
with_log() {
  messages
  "${TAKE[@]}" >/dev/null
  rm -rf dir
  for i in {1..6}; do echo "message $i $(printf 'x%.0s' {1..900})"; done | chat-send -l -r a -u alice
  closed "$CHAT_SPOOL"
  chat-send -r a -u alice 'message 7'
  chat-send -r b -u bob -k key 'message 8'
  seq 9 28 | chat-send -l -r b -u carol
  "${PEEK[@]}" >right
  assert_equal "$(wc -l <right)" 28
  assert [ "$(stat -c %s "$CHAT_SPOOL-wal")" -gt 20000 ]
}

# step SAMPLE FULL [LEAST]: print the distance between cases: SAMPLE without TORTURE, otherwise FULL / TORTURE, but at
# least LEAST.
step() {
  local step=$((${TORTURE:-0} ? $2 / TORTURE : $1))
  echo $((step > ${3:-1} ? step : ${3:-1}))
}

# survives [OPTION ...] HOW STEP COMMAND [ARG ...]: damage $DAMAGED (default: the database) from a random case on. The
# counts are in $TRIED, $RIGHT, $REPORTED and $HIDDEN.
survives() {
  local options=() how step
  while [[ $1 == -* ]]; do
    options+=("$1")
    case $1 in
      -[kwx]) shift ;;
      *) options+=("$2") && shift 2 ;;
    esac
  done
  how=$1 step=$2
  shift 2
  run --separate-stderr "$FAULTS/corrupt" -f $((RANDOM % step)) "${MEMORY[@]}" "${options[@]}" "$how" "$step" "${DAMAGED:-$CHAT_SPOOL}" right "$@"
  ((status == 0)) || fail "SEED=$SEED $output: $stderr"
  tell "${DAMAGED##*-} $output"
  read -r _ TRIED _ RIGHT _ REPORTED _ HIDDEN _ <<<"${output//,/}"
}

# script TEXT: create an executable file with that text.
script() {
  printf '#!/bin/sh\n%s\n' "$2" >"$1"
  chmod +x "$1"
}

# ---------------------------------------------------------------- controls

# A reader that trusts the file: every message that it seems to contain.
NAIVE='for (@ARGV) { open F, $_ or next; local $/; $_ = <F>; print "$1\n" while /(message \d+(?: x+)?)/g }'

@test "a control: a reader of a spool without checksums prints messages that were never sent" {
  local how at
  one_file
  perl -e "$NAIVE" "$CHAT_SPOOL" >right
  assert_equal "$(wc -l <right)" 7
  at=$(grep -obUa 'message 3' "$CHAT_SPOOL" | cut -d : -f 1)
  for how in "-f $(((at + 8) * 8)) flip 100000000" 'cut 512' 'copy 5' '-w swap 1'; do
    # shellcheck disable=SC2086
    run "$FAULTS/corrupt" $how "$CHAT_SPOOL" right perl -e "$NAIVE" "$CHAT_SPOOL"
    assert_equal "$how: $status" "$how: 1"
    assert_output --partial 'status 0: message'
  done
}

@test "a control: SQLite alone accepts a flipped bit in a message" {
  local at
  one_file
  sqlite3 "$CHAT_SPOOL" 'SELECT CAST(body AS TEXT) FROM message WHERE position >> 40 = 1' >right
  at=$(grep -obUa 'message 3' "$CHAT_SPOOL" | cut -d : -f 1)
  run "$FAULTS/corrupt" -f $((at * 8 + 1)) flip 100000000 "$CHAT_SPOOL" right sqlite3 "$CHAT_SPOOL" 'SELECT CAST(body AS TEXT) FROM message WHERE position >> 40 = 1'
  assert_equal "$status" 1
  assert_output --partial 'status 0: oessage 3'
}

@test "a control: the checks see a crash, a hang, much memory, a silent 65 and an unknown status" {
  one_file
  local command
  for command in 'kill -SEGV $$' 'sleep 60' 'exec perl -e "\$x = q(x) x 200000000"' 'exit 65' 'exit 74' 'echo oops >&2'; do
    run "$FAULTS/corrupt" -t 1 -m 64 cut 100000000 "$CHAT_SPOOL" right sh -c "$command"
    assert_equal "$command: $status" "$command: 1"
  done
  run -0 "$FAULTS/corrupt" -t 1 -m 64 cut 100000000 "$CHAT_SPOOL" right sh -c 'echo chat-recv: damaged >&2; exit 65'
}

# ---------------------------------------------------------------- the database

# few_hidden: few messages are missing without a report, or late. No checksum covers the order and the names of rooms,
# so a flipped bit there may hide a message or its position; but there are few such bits.
few_hidden() {
  ((HIDDEN * 50 <= TRIED + 200)) || fail "SEED=$SEED: $HIDDEN of $TRIED hid a message"
}

@test "a flipped bit in the database causes the right messages or 65" {
  one_file
  survives flip "$(step 3200 800 50)" "${TAKE[@]}"
  few_hidden
  ((REPORTED > 0 && RIGHT > 0))
  survives flip "$(step 6400 1600 50)" "${PEEK[@]}"
  few_hidden
}

# cells: print where each row of the pages of messages begins in the file, at its length and position.
cells() {
  perl -e '
    open F, "<", $ARGV[0]; binmode F; local $/; my $db = <F>;
    for my $page (1 .. length($db) / 4096 - 1) {
      my ($kind, $cells) = unpack "C x2 n", substr $db, $page * 4096, 8;
      next if $kind != 13;
      print $page * 4096 + $_, "\n" for unpack "n$cells", substr $db, $page * 4096 + 8, 2 * $cells;
    }' "$CHAT_SPOOL"
}

@test "a row without its position or length does not make its neighbours be received twice" {
  local at bit
  one_file
  for at in $(cells | tail -n 12); do
    for bit in 6 7 14 15; do
      run "$FAULTS/corrupt" -f $((at * 8 + bit)) "${MEMORY[@]}" flip 1000000000 "$CHAT_SPOOL" right "${TAKE[@]}"
      ((status == 0)) || fail "bit $bit at $at: $output"
    done
  done
}

@test "a truncated database causes the right messages or 65" {
  one_file
  survives -w cut "$(step 1024 512)" "${TAKE[@]}"
  ((RIGHT == 0))
  survives -w cut "$(step 2000 500)" "${PEEK[@]}"
}

@test "exchanged, copied or wiped pages of the database cause the right messages or 65" {
  one_file
  survives swap "$(step 6 1)" "${TAKE[@]}"
  survives copy "$(step 5 1)" "${TAKE[@]}"
  survives wipe 1 "${PEEK[@]}"
}

@test "a spool that check calls sound has all its messages" {
  one_file
  script whole 'chat-spool check -q >/dev/null 2>&1 || exit 65
exec chat-recv -p -a -r a -r b -o "%i %r %u %h %t %l %k %b\n"'
  survives -w flip "$(step 6400 1600 50)" ./whole
  ((REPORTED > 0 && RIGHT > 0))
  survives -w swap "$(step 8 1)" ./whole
  survives -w wipe 1 ./whole
}

@test "after a repair the messages are right, and check reports nothing" {
  one_file
  script repair 'chat-spool check --repair >/dev/null 2>repaired; status=$?
[ $status = 0 ] || { cat repaired >&2; exit $status; }
chat-spool check -q || exit 99
exec chat-recv -q -c 100 -r a -r b -o "%i %r %u %h %t %l %k %b\n"'
  survives -x -s '0 1 65' flip "$(step 8000 2400 50)" ./repair
  survives -x -s '0 1 65' swap "$(step 14 2)" ./repair
  survives -x -s '0 1 65' cut "$(step 8192 2048)" ./repair
  survives -x -s '0 1 65' wipe 1 ./repair
}

@test "a message sent to a damaged spool can be received, or is refused" {
  one_file
  echo sent >right
  script send 'chat-send -r new sent || exit
exec chat-recv -r new'
  survives -w -s '0 65' flip "$(step 8000 2400 50)" ./send
  survives -w -s '0 65' swap "$(step 14 2)" ./send
}

@test "the commands of chat-spool exit with 65 on a damaged spool, or do what they can" {
  local verb
  one_file
  : >right
  for verb in list 'show a' 'dump' 'config' 'move a c' 'compact'; do
    script verb "exec chat-spool $verb >/dev/null"
    survives flip "$(step 40000 8000 50)" ./verb
    survives wipe "$(step 3 1)" ./verb
  done
}

# ---------------------------------------------------------------- the WAL, its index, the lock file

@test "a flipped bit in the WAL causes only messages that were sent, or 65" {
  with_log
  DAMAGED=$CHAT_SPOOL-wal
  # SQLite takes a frame with a wrong checksum for the end of the WAL: this cannot be distinguished from a power cut.
  survives flip "$(step 5000 1200 50)" "${TAKE[@]}"
  # This is damage after the WAL was read, because the kernel keeps its index.
  survives -k flip "$(step 5000 1200 50)" "${PEEK[@]}"
}

@test "a truncated WAL and exchanged pages in it cause only messages that were sent, or 65" {
  local keep
  with_log
  DAMAGED=$CHAT_SPOOL-wal
  for keep in '' -k; do
    # shellcheck disable=SC2086
    survives $keep cut "$(step 2048 512)" "${TAKE[@]}"
    # shellcheck disable=SC2086
    survives $keep -u 4120 -o 32 swap "$(step 8 1)" "${PEEK[@]}"
    # shellcheck disable=SC2086
    survives $keep -u 4120 -o 32 copy "$(step 8 1)" "${TAKE[@]}"
  done
}

@test "a damaged index of the WAL causes only messages that were sent, or 65" {
  with_log
  DAMAGED=$CHAT_SPOOL-shm
  survives -k flip "$(step 8000 2000 50)" "${PEEK[@]}"
  survives -k cut "$(step 4096 512)" "${TAKE[@]}"
}

@test "any contents of the lock file change nothing" {
  one_file
  head -c 64 /dev/urandom >"$CHAT_SPOOL-lock"
  DAMAGED=$CHAT_SPOOL-lock
  survives -w flip "$(step 100 100 50)" "${TAKE[@]}"
  survives -w cut 16 "${PEEK[@]}"
  ((RIGHT == TRIED))
}

# ---------------------------------------------------------------- hostile databases

# bounded STATUSES COMMAND [ARG ...]: the command ends within 30 s, with little memory, and one of these statuses.
bounded() {
  run --separate-stderr bash -c 'ulimit -v "$1"; shift; exec timeout 30 "$@"' bash "$(sanitized && echo unlimited || echo 400000)" "${@:2}"
  [[ " $1 " == *" $status "* ]] || fail "${*:2}: $status: $stderr"
}

@test "rows that all claim the same long body cost a repair no more than the size of the file" {
  can_inject
  # Two bodies of 3 MB: the pages of the second become leaves whose every cell is the row of the first.
  head -c 3000000 /dev/zero | chat-send -r a
  head -c 3000000 /dev/zero | chat-send -r a
  closed "$CHAT_SPOOL"
  perl -e '
    open F, "+<", $ARGV[0]; binmode F; local $/; my $db = <F>;
    my ($leaf) = grep { substr($db, $_ * 4096, 1) eq "\x0d" && unpack("n", substr($db, $_ * 4096 + 3, 2)) >= 1
        && substr($db, $_ * 4096, 4096) =~ /vm|@{[$ARGV[1]]}/ } 2 .. length($db) / 4096 - 1;
    my $page = substr($db, $leaf * 4096, 4096);
    my $cell = substr($page, 8, 2);
    my $count = int((unpack("n", substr($page, 5, 2)) - 8) / 2);
    my $clone = $page; substr($clone, 3, 2) = pack "n", $count; substr($clone, 8, 2 * $count) = $cell x $count;
    for (my $i = length($db) / 4096 - 1; $i > length($db) / 4096 - 400; $i--) { substr($db, $i * 4096, 4096) = $clone }
    substr($db, 4 * 4096, 4096) = "\xff" x 4096;
    seek F, 0, 0; print F $db' "$CHAT_SPOOL" "$(uname -n)"
  bounded '65' chat-spool check
  bounded '0' chat-spool check --repair
  bounded '0' chat-spool check
}

@test "a tree whose pages all point to the same child hangs no command" {
  local command
  can_inject
  seq -f "%g $(printf 'x%.0s' {1..90})" 200 | chat-send -l -r a
  closed "$CHAT_SPOOL"
  # Each level of the table has 500 entries that all point to the next level; the last level is a leaf.
  perl -e '
    open F, "+<", $ARGV[0]; binmode F; local $/; my $db = <F>; my ($root, $leaf) = @ARGV[1, 2];
    my $next = $leaf;
    for my $level (1 .. 4) {
      my $number = $level < 4 ? length($db) / 4096 + 1 : $root;
      my $cells = ""; my $pointers = "";
      for my $i (1 .. 500) { $cells .= pack("N", $next) . chr(127) ; $pointers .= pack("n", 4096 - 5 * 500 + 5 * ($i - 1)) }
      my $page = pack("C n n n C N", 5, 0, 500, 4096 - length $cells, 0, $next) . $pointers;
      $page .= "\0" x (4096 - length($page) - length $cells) . $cells;
      if ($level < 4) { $db .= $page } else { substr($db, ($root - 1) * 4096, 4096) = $page }
      $next = $number;
    }
    substr($db, 28, 4) = pack "N", length($db) / 4096;
    seek F, 0, 0; print F $db' "$CHAT_SPOOL" "$(sqlite3 "$CHAT_SPOOL" "SELECT rootpage FROM sqlite_schema WHERE name = 'message'")" \
    "$(sqlite3 "$CHAT_SPOOL" "SELECT max(pageno) FROM dbstat WHERE name = 'message' AND pagetype = 'leaf'")"
  cp "$CHAT_SPOOL" whole
  for command in 'chat-recv -p -a -r a' 'chat-recv -r a' 'chat-recv -a -r a' 'chat-send -r a x' 'chat-send -m 1 --drop -r a x' 'chat-spool list' 'chat-spool show a' 'chat-spool dump' \
    'chat-spool check' 'chat-spool move a b' 'chat-spool check --repair'; do
    rm -f "$CHAT_SPOOL"*
    cp whole "$CHAT_SPOOL" && chmod 600 "$CHAT_SPOOL"
    # shellcheck disable=SC2086
    bounded '0 1 65' $command
  done
  # The messages left by the repair are intact.
  assert_equal "$status" 0
  run -0 chat-spool check
}

@test "a spool with another page size, encoding or vacuum mode works or exits with 65" {
  local change command
  one_file
  for change in 'page_size = 512' 'page_size = 65536' "encoding = 'UTF-16le'" 'auto_vacuum = NONE' 'auto_vacuum = FULL' 'journal_mode = DELETE'; do
    rm -rf dir
    mkdir -m 700 dir
    sqlite3 made "PRAGMA $change;$(sed 's/^PRAGMA auto_vacuum.*//' "$REPOSITORY/sql/sqlite/schema.sql")" "$([[ $change == journal* ]] || echo 'PRAGMA journal_mode = WAL')" >/dev/null
    mv made "$CHAT_SPOOL"
    chmod 600 "$CHAT_SPOOL"
    for command in 'chat-send -r a hello' 'chat-recv -p -r a' 'chat-spool check' 'chat-spool check --repair' 'chat-recv -r a' 'chat-spool compact'; do
      # shellcheck disable=SC2086
      bounded '0 1 65' $command
      [[ $command != chat-recv* || $status != 0 || $output == hello ]] || fail "$change: $command: $output"
    done
  done
}

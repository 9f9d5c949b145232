#!/usr/bin/env bats
# Hostile hands: another user who exchanges files while they are opened, hostile environments, and names full of escape
# sequences, for every verb. What holds still is in surroundings.bats.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load torture

ALICE=54321
MALLORY=54322

# ---------------------------------------------------------------- exchanged while they are opened

# mallory_swaps NAME TURN: as Mallory, exchange what is at shared/NAME again and again, as fast as can be: nothing, her own
# file, a FIFO, a directory, a symbolic link to Alice's file, to her own, to nothing.
mallory_swaps() {
  command -v perl >/dev/null || skip 'needs perl'
  cat >swap.pl <<'PERL'
my ($name, $victim) = @ARGV;
my $own = "$name.own";
while (1) {
    for my $kind (0 .. 6) {
        my $new = "$name.new$kind";
        if    ($kind == 1) { open F, '>', $new; print F "SQLite format 3\0" x 300; close F; chmod 0666, $new }
        elsif ($kind == 2) { system qw(mkfifo -m 666), $new unless -p $new }
        elsif ($kind == 3) { mkdir $new, 0777 }
        elsif ($kind == 4) { symlink $victim, $new }
        elsif ($kind == 5) { symlink $own, $new }
        elsif ($kind == 6) { symlink "$name.missing", $new }
        if ($kind == 0) { unlink $name or rmdir $name } else { rename $new, $name or rename($name, "$name.old$kind") && rename($new, $name) }
        unlink glob "\Q$name\E.old*"; rmdir $_ for glob "\Q$name\E.old*";
    }
}
PERL
  background setpriv --reuid=$MALLORY --regid=$MALLORY --clear-groups perl swap.pl "$PWD/shared/$1" "$PWD/alice/precious"
  wait_until test -e "$PWD/shared/$1" -o -L "$PWD/shared/$1"
}

# A victim: a file of Alice's, and what must not happen to it.
precious() {
  public
  mkdir shared
  chmod 1777 shared
  as_user $ALICE sh -c 'umask 022; echo precious >alice/precious; chmod 644 alice/precious; chmod 711 alice'
  PRECIOUS=$(stat -c '%s %Y %a %h' alice/precious)
}

unharmed() {
  assert_equal "$(stat -c '%s %Y %a %h' alice/precious)" "$PRECIOUS"
  assert_equal "$(cat alice/precious)" precious
}

# exchanged NAME: Alice sends and receives while Mallory exchanges that file in a directory of both.
exchanged() {
  local n least statuses=
  least=$(dose 4 20)
  precious
  mallory_swaps "$1"
  # At least until some of it was refused: then the exchange was seen. What Alice was first to make is nobody's to exchange.
  for ((n = 0; n < least || n < 100; n++)); do
    if ((n >= least)); then
      [[ $statuses != *77* ]] || break
      as_user $ALICE rm -rf "shared/$1" 2>err || true
    fi
    as_user $ALICE chat-send -s shared/spool.db "message $n" >sent 2>err && status=0 || status=$?
    [[ $status == @(0|65|73|74|75|77) ]] || fail "send: $status: $(cat err)"
    statuses+=" $status"
    as_user $ALICE chat-recv -q -t 0.01 -s shared/spool.db >seen 2>err && status=0 || status=$?
    [[ $status == @(0|1|65|73|74|75|77) ]] || fail "receive: $status: $(cat err)"
    ! grep -vx 'message [0-9]*' seen || fail "not a message that was sent"
    statuses+=" $status"
    as_user $ALICE chat-recv -q -t 0.1 -r other -s shared/spool.db 2>err && status=0 || status=$?
    [[ $status == @(1|65|73|74|75|77) ]] || fail "wait: $status: $(cat err)"
    statuses+=" $status"
  done
  unharmed
  [[ $statuses == *77* ]]
  # Whatever Alice has written is hers alone.
  kill -KILL "$BACKGROUND_PID"
  run --separate-stderr find shared -user $ALICE ! -type l -perm /077
  assert_output ''
}

@test "a control: who looks first and opens then is fooled by an exchange" {
  local n as_fast
  precious
  mallory_swaps file
  # Between the two it is held up, as a scheduler may, until there is a link.
  as_fast='[ -f "$1" ] && [ ! -L "$1" ] && { until [ -L "$1" ]; do :; done; [ -f "$1" ] && echo more >>"$1"; }'
  for ((n = 0; n < 100; n++)); do
    setpriv --reuid=$ALICE --regid=$ALICE --clear-groups timeout 5 sh -c 'n=0; while [ $n -lt 200 ]; do n=$((n + 1)); '"$as_fast"'; done' sh "$PWD/shared/file" 2>/dev/null || true
    [[ $(cat alice/precious) == precious ]] || return 0
    # The kernel may forbid to follow another's link in a sticky directory; then no such program is fooled.
    (($(cat /proc/sys/fs/protected_symlinks) == 0)) || chmod 0777 shared
  done
  fail 'the exchange fools nobody'
}

@test "a spool that another user exchanges while it is opened leads nowhere" { exchanged spool.db; }
@test "a lock file that another user exchanges while it is opened leads nowhere" { exchanged spool.db-lock; }
@test "a log that another user exchanges while it is opened leads nowhere" { exchanged spool.db-wal; }
@test "an index that another user exchanges while it is opened leads nowhere" { exchanged spool.db-shm; }
@test "a bell that another user exchanges while it is opened leads nowhere" { exchanged spool.db-bell; }

# Where SQLite can't open a file to write it opens it to read: a FIFO that is there by then would keep it waiting for a writer.
@test "a file that is exchanged for a FIFO while it is opened keeps nobody waiting" {
  needs_strace
  local name call
  for name in '' -wal -shm; do
    rm -rf "${SPOOL%/*}"
    seq 3 | chat-send -l
    chat-recv -q
    strace -qq -o trace -e trace=open,openat chat-recv -p >seen
    # The last one that is to write, as "NAME N": SQLite's own.
    call=$(awk -F '(' -v file="\"$SPOOL$name\"" '/^open/ { n[$1]++ } index($0, file) && /O_RDWR/ { call = $1 " " n[$1] } END { print call }' trace)
    assert [ -n "$call" ]
    stop_at "${call/ /:error=EACCES }" chat-recv
    assert [ -n "$STOPPED" ]
    rm "$SPOOL$name"
    mkfifo "$SPOOL$name"
    let_go
    [[ $status == @(65|74|77) ]] || fail "spool.db$name: status $status: $(<err)"
  done
}

@test "a directory on the way that another user exchanges is not used" {
  public
  mkdir -m 777 open
  as_user $ALICE chat-send -s open/chat/spool.db first
  as_user $MALLORY mv open/chat open/old
  as_user $MALLORY mkdir -m 777 open/chat
  run --separate-stderr as_user $ALICE chat-send -s open/chat/spool.db second
  assert_error 77 'chat-send: '
  as_user $MALLORY chmod 755 open/chat
  run --separate-stderr as_user $ALICE chat-recv -s open/chat/spool.db
  assert_error 77 'chat-recv: '
  assert_equal "$(ls -A open/chat)" ''
}

@test "root sends to no spool of another user, and leaves nothing of root's there" {
  public
  as_user $ALICE chat-send -s alice/spool.db first
  local verb
  for verb in 'list' 'check' 'check --repair' 'dump' 'compact' 'show main' 'delete -y main' "backup -y $PWD/copy.db"; do
    # shellcheck disable=SC2086
    run --separate-stderr chat-spool ${verb%% *} -s alice/spool.db ${verb#"${verb%% *}"}
    assert_equal "$verb: $status" "$verb: 77"
  done
  run find alice ! -user $ALICE
  assert_output ''
  assert_not_exist copy.db
  run -0 as_user $ALICE chat-recv -s alice/spool.db
  assert_output first
}

# ---------------------------------------------------------------- descriptors, environment

@test "chat-spool without descriptors harms nothing" {
  local verb closing
  chat-send first
  for verb in list 'show main' check dump version config compact 'backup -y copy.db'; do
    for closing in '<&-' '>&-' '2>&-' '<&- >&- 2>&-'; do
      run --separate-stderr bash -c "chat-spool $verb $closing"
      [[ $status == 0 || ($status == 74 && $closing == *'>&-'*) ]] || fail "$verb $closing: $status"
    done
  done
  run -0 chat-recv
  assert_output first
  run -0 chat-spool check -q
}

@test "a hostile HOME or XDG_STATE_HOME is an error or a plain path" {
  local value look=(chat-recv -q -p -r 'a room that nobody has') # with an empty HOME this is the real one
  touch file
  for value in '' . relative / /dev/null "$PWD/file" $'\n' $'/\x1b[31m\n' "$(printf '/x%.0s' {1..3000})" '$(touch owned)' /proc /dev/fd/0 "/proc/self/root$PWD/h"; do
    run --separate-stderr timeout 20 env -u XDG_STATE_HOME HOME="$value" "${look[@]}"
    [[ $status == @(1|73|74|77) && $output == '' ]] || fail "HOME=${value:0:50}: $status $stderr"
    [[ $stderr != *$'\x1b'* && $stderr != *$'\n'* ]]
    run --separate-stderr timeout 20 env XDG_STATE_HOME="$value" "${look[@]}"
    [[ $status == @(1|73|74|77) && $output == '' ]] || fail "XDG_STATE_HOME=${value:0:50}: $status $stderr"
    [[ $stderr != *$'\x1b'* && $stderr != *$'\n'* ]]
  done
  assert_not_exist owned
}

@test "no file is ever made where TMPDIR says" {
  command -v strace >/dev/null || skip 'needs strace'
  local command
  mkdir -m 777 tmp
  export TMPDIR=$PWD/tmp SQLITE_TMPDIR=$PWD/tmp ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"
  seq -f "%g $(printf 'x%.0s' {1..200})" 3000 >lines
  for command in 'chat-send -1 -l -k key' 'chat-send -l' 'chat-recv -p -a' 'chat-spool check' 'chat-spool dump' 'chat-spool compact' 'chat-spool backup -y copy.db' \
    'chat-spool list' 'chat-recv -a'; do
    # shellcheck disable=SC2086
    strace -f -qq -o trace -e trace=file $command <lines >/dev/null
    run grep -F "$PWD/tmp" trace
    assert_equal "$command: $output" "$command: "
  done
  # The control: there is such a thing.
  strace -f -qq -o trace -e trace=file mktemp >/dev/null
  run -0 grep -F "$PWD/tmp" trace
}

@test "hostile variables of a room and a spool are refused like options" {
  local value
  for value in $'\x1b[31m' $'a\nb' ../x -x "$(printf 'x%.0s' {1..256})" $'\xff'; do
    run --separate-stderr env CHAT_ROOM="$value" chat-send x
    assert_usage chat-send
    [[ $stderr != *$'\x1b'* && $stderr != *$'\xff'* ]]
  done
  assert_not_exist "$SPOOL"
}

# ---------------------------------------------------------------- escapes to a terminal

# no_escapes: the terminal saw no control character, nothing that is not UTF-8.
no_escapes() {
  iconv -f UTF-8 -t UTF-8 "$1" >/dev/null || fail "not UTF-8: $(od -c "$1")"
  run -1 grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$1"
}

@test "a control: what is in the spool would command a terminal" {
  chat-send $'\x1b[31mred'
  on_terminal chat-recv --raw </dev/null >seen
  grep -q $'\x1b' seen
}

@test "no verb of chat-spool lets an escape sequence from the spool through to a terminal" {
  local change verb evil="CAST(x'1b5d303b6576696c07c29b33316dff0d0a' AS TEXT)"
  local changes=("UPDATE message SET sender = $evil WHERE id = 1" "UPDATE message SET host = $evil, key = $evil WHERE id = 1"
    "UPDATE message SET body = x'1b5b33316d9bc29b' WHERE id = 1" "UPDATE room SET name = $evil WHERE name = 'jobs'"
    "UPDATE room SET default_room = $evil WHERE number = 0" "CREATE TABLE \"x"$'\x1b'"[31m\" (a)"
    "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = sql || ' ' || $evil WHERE name = 'message'"
    "PRAGMA writable_schema = on; UPDATE sqlite_schema SET name = $evil WHERE name = 'message_key'")
  sample "$(dose 3 8)" "${changes[@]}"
  for change in "${SAMPLE[@]}"; do
    rm -rf "$HOME/.local"
    printf '%s\n' one two | chat-send -l -r jobs
    closed "$SPOOL"
    sqlite3 "$SPOOL" "$change" 2>/dev/null || true
    for verb in list 'list -j' 'show jobs' "show -i 1" check dump config 'dump jobs'; do
      # shellcheck disable=SC2086
      timeout 20 true && on_terminal chat-spool $verb </dev/null >seen && status=0 || status=$?
      [[ $status == @(0|1|64|65) ]] || fail "$change: $verb: $status"
      no_escapes seen
    done
    on_terminal chat-recv -p -a -r jobs -v </dev/null >seen || true
    no_escapes seen
    on_terminal chat-recv -a -r jobs -o '%b %u %h %k %r\n' </dev/null >seen || true
    no_escapes seen
    on_terminal chat-spool check --repair </dev/null >seen || true
    no_escapes seen
    on_terminal chat-recv -a -r damaged -o '%b %u %h %k %r\n' </dev/null >seen || true
    no_escapes seen
  done
}

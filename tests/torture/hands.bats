#!/usr/bin/env bats
# Hostile users: another user who exchanges files while they are opened, hostile environments, and names full of escape
# sequences, for every command. Attacks without exchanges are in surroundings.bats.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load torture

ALICE=54321
MALLORY=54322

# ---------------------------------------------------------------- files exchanged while they are opened

# mallory_swaps NAME TURN: as Mallory, exchange shared/NAME again and again as fast as possible: nothing, her own file,
# a FIFO, a directory, symbolic links to Alice's file, to her own, and to nothing.
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

# A victim: a file of Alice's, which must not change.
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
  unsound 'another user replaces its files'
  local n least statuses=
  least=$(dose 4 20)
  precious
  mallory_swaps "$1"
  # Continue at least until a command was refused, which shows that it met an exchange. Files that Alice created first
  # cannot be exchanged.
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
  # Only Alice has access to files that Alice has written.
  kill -KILL "$BACKGROUND_PID"
  run --separate-stderr find shared -user $ALICE ! -type l -perm /077
  assert_output ''
}

@test "a control: a program that checks a file before it opens it is fooled by an exchange" {
  local n as_fast
  precious
  mallory_swaps file
  # Between the two calls the program is delayed, as by a scheduler, until there is a link.
  as_fast='[ -f "$1" ] && [ ! -L "$1" ] && { until [ -L "$1" ]; do :; done; [ -f "$1" ] && echo more >>"$1"; }'
  for ((n = 0; n < 100; n++)); do
    setpriv --reuid=$ALICE --regid=$ALICE --clear-groups timeout 5 sh -c 'n=0; while [ $n -lt 200 ]; do n=$((n + 1)); '"$as_fast"'; done' sh "$PWD/shared/file" 2>/dev/null || true
    [[ $(cat alice/precious) == precious ]] || return 0
    # The kernel may forbid following another user's link in a sticky directory; then no such program is fooled.
    (($(cat /proc/sys/fs/protected_symlinks) == 0)) || chmod 0777 shared
  done
  fail 'the exchange fools nobody'
}

@test "a spool that another user exchanges while it is opened is not followed" { exchanged spool.db; }
@test "a lock file that another user exchanges while it is opened is not followed" { exchanged spool.db-lock; }
@test "a WAL that another user exchanges while it is opened is not followed" { exchanged spool.db-wal; }
@test "an index that another user exchanges while it is opened is not followed" { exchanged spool.db-shm; }
@test "a FIFO directory that another user exchanges while it is opened is not followed" { exchanged spool.db-bell; }

# If SQLite cannot open a file for writing, it opens the file for reading: a FIFO that is there by then would block
# SQLite.
@test "a file that is exchanged for a FIFO while it is opened delays no command" {
  unsound 'a FIFO stands in the place of the index'
  needs_strace
  local name call
  for name in '' -wal -shm; do
    rm -rf "${SPOOL%/*}"
    seq 3 | chat-send -l
    chat-recv -q
    strace -qq -o trace -e trace=open,openat chat-recv -p >seen
    # The last call that opens for writing, as "NAME N": SQLite's own.
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

@test "a directory in the path that another user exchanges is not used" {
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

@test "root sends to no spool of another user, and leaves no file of root's there" {
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

# ---------------------------------------------------------------- a member of the group

# member UID COMMAND [ARG ...]: run a command as that user, a member of the group, with a umask that excludes other
# users.
member() {
  local home=$PUBLIC/mallory
  [[ $1 != "$ALICE" ]] || home=$PUBLIC/alice
  env -C "$PUBLIC" setpriv --reuid="$1" --regid="$1" --groups "$MEMBERS" bash -c 'umask 077; exec "$@"' bash \
    env HOME="$home" PATH="$PUBLIC/bin:$PATH" CHAT_SPOOL="$SHARED" timeout -v 60 "${@:2}"
}

# group_spool: create a spool of Alice's that Mallory may use, in shared/, a copy of it in before/, and files of Alice's
# elsewhere.
group_spool() {
  public
  needs perl
  IFS=: read -r GROUP _ MEMBERS _ < <(grep -v '^root:' /etc/group)
  mkdir place
  chown $ALICE:$ALICE place
  SHARED=$PUBLIC/place/shared/spool.db
  member $ALICE chat-spool init --group "$GROUP" 2>/dev/null
  COPY=$PUBLIC/place/copies/copy.db
  member $ALICE chat-spool init --group "$GROUP" -s "$COPY" 2>/dev/null
  member $ALICE chat-send -r jobs first
  # Other users can list her own files, and cannot read them.
  member $ALICE sh -c 'chmod 711 alice; mkdir alice/directory alice/empty; echo precious >alice/file; echo precious >alice/directory/file; mkfifo alice/fifo alice/directory/jobs; echo precious >alice/directory/other; chmod 644 alice/directory/file'
  swapper
  ALICES=$(alices)
}

alices() { find alice -printf '%y %m %u:%g %s %l %p\n' | sort && cat alice/file alice/directory/file; }

# Mallory exchanges all names of the spool's files, and of files that may be created, for one kind of file, except the
# mark.
swapper() {
  cat >swap.pl <<'PERL'
my ($place, $kind, $alice) = @ARGV;
my %to = (file => "$alice/file", directory => "$alice/directory", empty => "$alice/empty", fifo => "$alice/fifo", none => "$alice/none");
sub put {
    my $name = shift;
    if ($to{$kind}) { symlink $to{$kind}, $name }
    elsif ($kind eq 'hard') { link "$alice/file", $name }
    elsif ($kind eq 'own-file') { open F, '>', $name; print F "SQLite format 3\0" x 512; close F; chmod 0666, $name }
    elsif ($kind eq 'own-directory') { mkdir $name; chmod 0777, $name }
    elsif ($kind eq 'journal') { open F, '>', $name; print F $name =~ /-journal$/ ? journal() : "\0" x 8192; close F; chmod 0660, $name; chown -1, (stat "$place/shared")[5], $name }
}
# A journal that is to be rolled back, and then names a file that SQLite deletes (sqlite.org/fileformat2.html, "The
# Rollback Journal").
sub journal {
    my $magic = pack 'H*', 'd9d505f920a163d7';
    my $name = "$alice/file";
    my $sum = 0;
    $sum += ord for split //, $name;
    return pack('a8 N N N N N', $magic, 0, 1, 2, 512, 4096) . "\0" x 484 . pack('N', 0x40000000 / 4096 + 1) . $name . pack('N N a8', length $name, $sum, $magic);
}
sub remove { my $name = shift; if (-d $name && !-l $name) { remove($_) for glob "$name/*"; rename $name, "$name.old" unless rmdir $name } else { unlink $name } }
my $n = 0;
for my $bells (glob "$place/*/*-bell $place/*/*-gone") {
    next if -l $bells || !-d $bells;
    for my $fifo (glob "$bells/*") { remove($fifo); put($fifo) }
}
for my $base ("$place/shared/spool.db", "$place/copies/copy.db") {
    for my $suffix (qw(-new -repair -restore -new-journal -repair-journal -restore-journal -journal -wal -wal-damaged -shm -lock -reserve -group -bell -gone), '') {
        my $name = "$base$suffix";
        next if $suffix =~ /-(bell|gone|group)$/ && -e $name && !-l $name && int rand 2;
        remove($name);
        put($name);
    }
}
PERL
}

# stopped_member CALL COMMAND [ARG ...]: as stop_at, run by Alice.
stopped_member() {
  local call=$1
  shift
  : >trace
  chmod 666 trace
  background env -C "$PUBLIC" setpriv --reuid=$ALICE --regid=$ALICE --groups "$MEMBERS" bash -c 'umask 077; exec "$@"' bash \
    env HOME="$PUBLIC/alice" CHAT_SPOOL="$SHARED" \
    strace -D -qq -o trace -e "trace=${call%% *}" -e "inject=${call% *}:signal=STOP:when=${call#* }" "$@" >out 2>err
  wait_until stopped_or_ended "$BACKGROUND_PID"
  STOPPED=
  if grep -q -- '--- stopped by SIGSTOP ---' trace; then STOPPED=$BACKGROUND_PID; fi
}

renew_shared() {
  rm -rf place/shared place/copies
  cp -a before/. place
}

# at_each_name PREPARE COMMAND [ARG ...]: about $DOSE_OF times, stop Alice's command at a system call for a name in the
# directory, let Mallory exchange all names there, and continue it. None of Alice's files elsewhere changes.
at_each_name() {
  unsound 'another user replaces its files'
  local prepare=$1 call kind swap swaps=() calls hits=0
  shift
  $prepare
  rm -rf before
  cp -a place before
  : >trace
  chmod 666 trace
  member $ALICE strace -qq -o trace -e trace=%file,fchmod,fchown "$@" >/dev/null 2>&1 || true
  mapfile -t calls < <(awk -F '(' '/^[a-z]/ { n[$1]++ } /spool\.db|copy\.db|"jobs"|"other"|fchmod|fchown/ { print $1, n[$1] }' trace)
  ((${#calls[@]} >= 5)) || fail "few calls: $(<trace)"
  for call in "${calls[@]}"; do
    for kind in file directory empty fifo none hard own-file own-directory journal; do swaps+=("$kind $call"); done
  done
  # shellcheck disable=SC2086
  sample "$(dose ${DOSE_OF:-3 7 200})" "${swaps[@]}"
  for swap in "${SAMPLE[@]}"; do
    read -r kind call <<<"$swap"
    renew_shared
    stopped_member "$call" "$PUBLIC/bin/$1" "${@:2}"
    [[ ! $STOPPED ]] || { member $MALLORY perl swap.pl "$PUBLIC/place" "$kind" "$PUBLIC/alice" && hits=$((hits + 1)); }
    let_go
    [[ $status == @(0|1|65|73|74|75|77|123) ]] || fail "$swap: $*: status $status: $(<err)"
    assert_equal "$swap: $*: $(alices)" "$swap: $*: $ALICES"
  done
  ((hits > ${#SAMPLE[@]} / 2 - 2 && hits > 0)) || fail "only $hits exchanges"
  renew_shared
}

no_bells() { rm -rf place/shared/spool.db-bell place/shared/spool.db-gone; }
no_spool() { find place/shared place/copies -mindepth 1 ! -name '*-group' -delete; }
wide() { chmod 664 place/shared/spool.db place/shared/spool.db-wal place/shared/spool.db-reserve; }
# The table's tree is damaged: a repair builds another spool.
broken() {
  member $ALICE chat-send -r jobs second
  member $ALICE sqlite3 "$SHARED" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
  printf '\377%.0s' {1..64} | dd of="$SHARED" bs=1 seek=$((4096 * 2)) conv=notrunc status=none
}

backed_up() { member $ALICE chat-spool backup -q -y "$COPY"; }
# The first frame has a wrong checksum: a repair keeps a copy of the WAL.
broken_log() { printf '\377' | dd of="$SHARED-wal" bs=1 seek=2000 conv=notrunc status=none && rm -f "$SHARED-shm"; }

@test "a control: a program that changes the mode of a path is fooled by a member of the group" {
  needs_strace
  group_spool
  cp "$(command -v perl)" bin/
  stopped_member 'mknodat,mknod 1' "$PUBLIC/bin/perl" -MPOSIX -e 'mkfifo("place/copies/copy.db-new", 0600); chmod 0660, "place/copies/copy.db-new"'
  assert [ -n "$STOPPED" ]
  member $MALLORY perl swap.pl "$PUBLIC/place" file "$PUBLIC/alice"
  let_go
  assert_equal "$(stat -c %a alice/file)" 660
}

@test "a control: SQLite deletes a file that a journal of another member names" {
  unsound 'another user replaces its files'
  needs sqlite3
  group_spool
  member $MALLORY perl swap.pl "$PUBLIC/place" journal "$PUBLIC/alice"
  member $ALICE sqlite3 "$COPY-new" 'PRAGMA schema_version' || true
  assert_not_exist alice/file
}

# bats test_tags=full
@test "a waiting receiver changes nothing elsewhere, whatever a member of the group exchanges" {
  needs_strace
  group_spool
  at_each_name no_bells chat-recv -q -t 0.01 -r other
}

# bats test_tags=full
@test "a sender changes nothing elsewhere, whatever a member of the group exchanges" {
  needs_strace
  group_spool
  at_each_name true chat-send -r jobs second
}

# bats test_tags=full
@test "init changes nothing elsewhere, whatever a member of the group exchanges" {
  needs_strace
  group_spool
  at_each_name no_spool chat-send -r jobs first
}

# bats test_tags=full
@test "a receiver changes nothing elsewhere, whatever a member of the group exchanges" {
  needs_strace
  group_spool
  at_each_name true chat-recv -q -r jobs
}

# bats test_tags=full
@test "a repair changes nothing elsewhere, whatever a member of the group exchanges" {
  needs_strace
  group_spool
  at_each_name wide chat-spool check --repair
}

# bats test_tags=full
@test "a rebuilt spool changes nothing elsewhere, whatever a member of the group exchanges" {
  needs_strace
  needs sqlite3
  group_spool
  at_each_name broken chat-spool check --repair
}

# bats test_tags=full
@test "a backup into a group's directory changes nothing elsewhere, whatever a member exchanges" {
  needs_strace
  group_spool
  at_each_name true chat-spool backup -q -y "$COPY"
}

# bats test_tags=full
@test "a restore from a group's directory changes nothing elsewhere, whatever a member exchanges" {
  needs_strace
  group_spool
  at_each_name backed_up chat-spool restore -q -y "$COPY"
}

# bats test_tags=full
@test "a repair of a damaged WAL changes nothing elsewhere, whatever a member of the group exchanges" {
  needs_strace
  group_spool
  at_each_name broken_log chat-spool check --repair
}

# bats test_tags=full
@test "no other command changes anything elsewhere, whatever a member of the group exchanges" {
  needs_strace
  group_spool
  DOSE_OF='2 4 40'
  at_each_name true chat-recv -q -r jobs --retries 1 --dead other -- false
  at_each_name true chat-send -r jobs -m 1 -t 0.01 second
  at_each_name true chat-spool move -q jobs other
  at_each_name true chat-spool delete -q -y jobs
  at_each_name true chat-spool config max-length 1000
  at_each_name true chat-spool compact -q
  at_each_name true chat-spool dump
  at_each_name true chat-spool list
  at_each_name true chat-spool copy -q "$SHARED" "$COPY"
}

@test "a backup is not written to a file or through a journal that a member of the group has planted" {
  unsound 'another user replaces its files'
  needs_strace
  group_spool
  local call
  : >trace
  chmod 666 trace
  member $ALICE strace -qq -o trace -e trace=open,openat chat-spool backup -q -y "$COPY"
  call=$(awk -F '(' '/^open/ { n[$1]++ } /copy\.db-new.*O_EXCL/ { print $1, n[$1] }' trace | tail -n 1)
  stopped_member "$call" "$PUBLIC/bin/chat-spool" backup -q -y "$COPY"
  assert [ -n "$STOPPED" ]
  member $MALLORY perl swap.pl "$PUBLIC/place" journal "$PUBLIC/alice"
  let_go
  assert_equal "$(alices)" "$ALICES"
}

@test "a repair replaces a reserve that a member of the group has made a link, and keeps the link's target" {
  group_spool
  rm -f "$SHARED-reserve"
  member $MALLORY ln -s "$PUBLIC/alice/file" "$SHARED-reserve"
  run -65 member $ALICE chat-spool check
  assert_output --partial "spool '$SHARED-reserve' is not safe to use: it is a symbolic link"
  run member $ALICE chat-spool check --repair
  assert_equal "$(alices)" "$ALICES"
  run -0 member $ALICE chat-spool check -q
  assert_equal "$(stat -c '%F %a %G' "$SHARED-reserve")" "regular file 660 $GROUP"
}

@test "check reports a file of the spool that others can read, and --repair corrects its mode" {
  group_spool
  wide
  run -65 member $ALICE chat-spool check
  assert_line "'$SHARED' has the mode 0664, not 0660"
  run -65 member $MALLORY chat-spool check --repair
  run -0 member $ALICE chat-spool check --repair
  assert_line 'its mode is 0660 now'
  run -0 member $ALICE chat-spool check -q
  assert_equal "$(stat -c %a "$SHARED" "$SHARED-wal" "$SHARED-reserve" | sort -u)" 660
}

# ---------------------------------------------------------------- descriptors, environment

@test "chat-spool without descriptors does no harm" {
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
  local value real='' look=(chat-recv -q -p -r 'a room that nobody has')
  touch file
  # With an empty HOME or XDG_STATE_HOME the commands use this user's own spool.
  [[ ! -e $(getent passwd "$EUID" | cut -d : -f 6)/.local/state/chat ]] || real=65
  for value in '' . relative / /dev/null "$PWD/file" $'\n' $'/\x1b[31m\n' "$(printf '/x%.0s' {1..3000})" '$(touch owned)' /proc /dev/fd/0 "/proc/self/root$PWD/h"; do
    run --separate-stderr timeout 20 env -u XDG_STATE_HOME HOME="$value" "${look[@]}"
    [[ $status == @(1|73|74|77) || ! $value && $status == "$real" ]] && [[ $output == '' ]] || fail "HOME=${value:0:50}: $status $stderr"
    [[ $stderr != *$'\x1b'* && $stderr != *$'\n'* ]]
    run --separate-stderr timeout 20 env XDG_STATE_HOME="$value" "${look[@]}"
    [[ $status == @(1|73|74|77) && $output == '' ]] || fail "XDG_STATE_HOME=${value:0:50}: $status $stderr"
    [[ $stderr != *$'\x1b'* && $stderr != *$'\n'* ]]
  done
  assert_not_exist owned
  # The control: with another HOME it works.
  chat-send x
  run -0 chat-recv
  assert_output x
}

@test "only -1 with a pipe creates a file in TMPDIR, and that file has no name" {
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
  strace -f -qq -o trace -e trace=file chat-send -1 -l < <(cat lines)
  run -0 grep -F "$PWD/tmp" trace
  assert_line --index 0 --regexp 'open.*O_CREAT\|O_EXCL.*, 0600\) = [0-9]'
  assert_line --index 1 --regexp 'unlink.*= 0$'
  assert_equal "${#lines[@]}" 2
  assert_equal "$(find tmp -type f)" ''
  run -0 chat-recv -a
  assert_output "$(cat lines)"
}

@test "hostile CHAT_ROOM and CHAT_SPOOL are refused like options" {
  local value
  for value in $'\x1b[31m' $'a\nb' ../x -x "$(printf 'x%.0s' {1..256})" $'\xff'; do
    run --separate-stderr env CHAT_ROOM="$value" chat-send x
    assert_usage chat-send
    [[ $stderr != *$'\x1b'* && $stderr != *$'\xff'* ]]
  done
  assert_not_exist "$SPOOL"
}

# ---------------------------------------------------------------- escapes to a terminal

# no_escapes: the terminal received no control character, and only UTF-8.
no_escapes() {
  iconv -f UTF-8 -t UTF-8 "$1" >/dev/null || fail "not UTF-8: $(od -c "$1")"
  run -1 grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$1"
}

@test "a control: the contents of the spool would control a terminal" {
  chat-send $'\x1b[31mred'
  on_terminal chat-recv --raw </dev/null >seen
  grep -q $'\x1b' seen
}

# bats test_tags=full
@test "no command of chat-spool lets an escape sequence from the spool reach a terminal" {
  unsound 'its rows are changed by hand'
  local change verb evil="CAST(x'1b5d303b6576696c07c29b33316dff0d0a' AS TEXT)"
  local changes=("UPDATE message SET sender = $evil WHERE position & 0xffffffffff = 1" "UPDATE message SET host = $evil, key = $evil WHERE position & 0xffffffffff = 1"
    "UPDATE message SET body = x'1b5b33316d9bc29b' WHERE position & 0xffffffffff = 1" "UPDATE room SET name = $evil WHERE name = 'jobs'"
    "UPDATE room SET default_room = $evil WHERE number = 0" "CREATE TABLE \"x"$'\x1b'"[31m\" (a)"
    "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = sql || ' ' || $evil WHERE name = 'message'"
    "PRAGMA writable_schema = on; UPDATE sqlite_schema SET name = $evil WHERE name = 'message_key'")
  sample "$(dose 2 3 8)" "${changes[@]}"
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

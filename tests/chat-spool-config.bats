#!/usr/bin/env bats
# chat-spool config and init: settings that are stored in the spool and apply to every command; and spools that a group
# shares.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load helper

# Three users that no password file contains, and a group of which the first two are members.
ALICE=54321
BOB=54322
MALLORY=54323
MEMBERS=54330

setup() {
  chat_setup
  PUBLIC=
}

teardown() {
  chat_teardown
  [[ ! $PUBLIC ]] || rm -rf "$PUBLIC"
}

# ---------------------------------------------------------------- config

@test "config prints the settings of a new spool, and creates none" {
  run --separate-stderr -0 chat-spool config
  assert_output $'max-length 67108864\ndefault-room main'
  assert_not_exist "$HOME/.local"
  chat-send x
  run --separate-stderr -0 chat-spool config
  assert_output $'max-length 67108864\ndefault-room main'
}

@test "config NAME prints only the value, and config NAME VALUE sets it" {
  run --separate-stderr -0 chat-spool config max-length 1000
  assert_equal "$output$stderr" ''
  run -0 chat-spool config max-length
  assert_output 1000
  run -0 chat-spool config default-room jobs
  run -0 chat-spool config default-room
  assert_output jobs
  run -0 chat-spool config
  assert_output $'max-length 1000\ndefault-room jobs'
  assert_equal "$(stat -c %a "${SPOOL%/*}" "$SPOOL" | tr '\n' ' ')" '700 600 '
  run -0 chat-spool check
  # Another spool has its own settings.
  run -0 chat-spool config -s other.db max-length 5
  run -0 chat-spool config --spool other.db
  assert_output $'max-length 5\ndefault-room main'
  run -0 chat-spool config max-length
  assert_output 1000
}

@test "max-length accepts bytes, k, M and G" {
  local value
  for value in 1=1 17k=17408 3M=3145728 953M=999292928 1000000000=1000000000 1k=1024; do
    run -0 chat-spool config max-length "${value%=*}"
    run -0 chat-spool config max-length
    assert_output "${value#*=}"
  done
}

@test "a setting that is not allowed is refused with 64, and nothing changes" {
  local value
  chat-spool config max-length 100
  chat-spool config default-room jobs
  for value in 0 -1 1G 954M 1000000001 2G 99999999999999999999 x 1x 1kk '' ' 1' 1.5 0x10; do
    run --separate-stderr chat-spool config -- max-length "$value"
    # 1G is more than 1000000000.
    assert_equal "'$value': $status" "'$value': 64"
    assert_usage chat-spool
    assert_equal "${stderr%%$'\n'*}" "chat-spool: 'max-length' is a number of bytes from 1 to 1000000000, or with k, M or G, not '$value'"
  done
  for value in .x -x a/b $'a\nb' $'\xff' "$(printf 'x%.0s' {1..256})"; do
    run --separate-stderr chat-spool config -- default-room "$value"
    assert_equal "'$value': $status" "'$value': 64"
    assert_usage chat-spool
  done
  for value in unknown '' max_length 'max-length 1 2'; do
    # shellcheck disable=SC2086  # words are meant
    run --separate-stderr chat-spool config ${value:-''}
    assert_usage chat-spool
  done
  run --separate-stderr chat-spool config unknown
  assert_equal "${stderr%%$'\n'*}" "chat-spool: unknown setting 'unknown': use 'max-length' or 'default-room'"
  run -0 chat-spool config
  assert_output $'max-length 100\ndefault-room jobs'
}

@test "a message longer than max-length is refused with 65, and a message of that length is accepted" {
  chat-spool config max-length 10
  run -0 chat-send 1234567890
  run --separate-stderr chat-send 12345678901
  assert_error 65 'chat-send: '
  run --separate-stderr bash -c 'printf "a\n12345678901\nb\n" | chat-send -l'
  assert_equal "$status" 65
  run -0 chat-recv -a
  assert_output $'1234567890\na'
  # Existing messages stay.
  chat-spool config max-length 20
  chat-send 12345678901234567890
  chat-spool config max-length 5
  run -0 chat-recv
  assert_output 12345678901234567890
  chat-spool config max-length 100M
  run -0 bash -c 'head -c 70000000 /dev/zero | chat-send'
}

@test "commands that name no room use the default room" {
  chat-spool config default-room jobs
  chat-send 'by default'
  chat-send -r main 'in main'
  CHAT_ROOM=other chat-send 'in other'
  printf 'one\ntwo\n' | chat-send -l
  run -0 chat-spool list -1
  assert_output $'jobs\nmain\nother'
  run -0 chat-recv -o '%r %b'
  assert_output 'jobs by default'
  run -0 chat-recv -p -a
  assert_output $'one\ntwo'
  CHAT_ROOM=other run -0 chat-recv
  assert_output 'in other'
  CHAT_ROOM='' run -0 chat-recv
  assert_output one
  run -0 chat-spool show
  assert_output --partial two
  run -0 chat-recv -- cat
  assert_output two
  run -0 chat-recv -r main
  assert_output 'in main'
}

@test "a receiver that waits in the default room is woken there" {
  chat-spool config default-room jobs
  background chat-recv -w >out
  wait_blocked "$BACKGROUND_PID"
  chat-send -r main 'not this one'
  chat-send 'by default'
  finish "$BACKGROUND_PID"
  assert_bytes out 'by default\n'
}

@test "the conditions of a send apply in the default room" {
  chat-spool config default-room jobs
  run -0 chat-send -i -k key one
  run -0 chat-send -i -k key two
  assert_output 1
  run -0 chat-send -m 2 three
  run -75 chat-send -m 2 four
  run -0 chat-send -m 2 --drop four
  run -0 chat-recv -a -r jobs
  assert_output $'three\nfour'
  run -123 bash -c 'chat-send x; chat-recv --tries 1 -- false'
  run -0 chat-recv -r jobs.dead
}

@test "the empty name makes main the default room again" {
  chat-spool config default-room jobs
  run -0 chat-spool config default-room ''
  run -0 chat-spool config default-room
  assert_output main
  chat-send x
  run -0 chat-recv -r main
  # The name main works as well.
  run -0 chat-spool config default-room main
  run -0 chat-spool config
  assert_output $'max-length 67108864\ndefault-room main'
}

# ---------------------------------------------------------------- init

@test "init creates the spool, and succeeds if there is one" {
  run --separate-stderr -0 chat-spool init
  assert_equal "$output$stderr" ''
  assert_file_exist "$SPOOL"
  chat-send x
  run --separate-stderr -0 chat-spool init
  run -0 chat-recv
  assert_output x
  run -0 chat-spool init -s a/b/c.db
  assert_equal "$(stat -c %a a a/b a/b/c.db | tr '\n' ' ')" '700 700 600 '
  run --separate-stderr chat-spool init word
  assert_usage chat-spool
  run --separate-stderr chat-spool init --group ''
  assert_usage chat-spool
}

@test "a group that does not exist is refused with 64, and nothing is created" {
  run --separate-stderr chat-spool init --group no-such-group -s dir/spool.db
  assert_usage chat-spool
  [[ $stderr == *"'no-such-group'"* ]]
  assert_not_exist dir/spool.db
}

# ---------------------------------------------------------------- a spool for a group

# public: create a directory that other users can enter, at $PUBLIC, with copies of the programs and a directory that
# Alice owns. Where as_user runs, the group $MEMBERS has the name chat-members.
public() {
  local program
  ((EUID == 0)) || skip 'only root can become another user'
  unshare --mount true 2>/dev/null || skip 'no right to mount'
  PUBLIC=$(mktemp -d "${TMPDIR:-/tmp}/chat-test-XXXXXX")
  chmod 755 "$PUBLIC"
  mkdir "$PUBLIC/bin" "$PUBLIC/alice" "$PUBLIC/bob" "$PUBLIC/mallory" "$PUBLIC/place"
  for program in chat-send chat-recv chat-spool; do cp "$CHAT_BIN/$program" "$PUBLIC/bin"; done
  chown $ALICE:$ALICE "$PUBLIC/alice"
  chown $BOB:$BOB "$PUBLIC/bob"
  chown $MALLORY:$MALLORY "$PUBLIC/mallory"
  chown $ALICE:$ALICE "$PUBLIC/place"
  { cat /etc/group && echo "chat-members:x:$MEMBERS:"; } >"$PUBLIC/group"
  as_user $ALICE "$PUBLIC/bin/chat-send" --version >/dev/null || skip 'other users cannot run the programs'
  cd "$PUBLIC" || return
  SHARED=$PUBLIC/place/shared/spool.db
}

# as_user UID COMMAND [ARG ...]: run a command as that user, a member of the group unless it is Mallory, with the umask
# $MASK.
as_user() {
  local groups=(--groups "$MEMBERS") home=$PUBLIC/alice
  case $1 in
    "$BOB") home=$PUBLIC/bob ;;
    "$MALLORY") home=$PUBLIC/mallory groups=(--clear-groups) ;;
  esac
  # Only this process sees the changed file of groups.
  unshare --mount bash -c 'mount --bind "$1" /etc/group && umask "$2" && shift 2 && exec "$@"' bash "$PUBLIC/group" "${MASK:-0022}" \
    setpriv --reuid="$1" --regid="$1" "${groups[@]}" env HOME="$home" CHAT_SPOOL="${SHARED:-}" PATH="$PUBLIC/bin:$PATH" timeout 60 "${@:2}"
}

# group_modes: every file belongs to the group and has the mode of a shared spool; the mark belongs to its creator.
group_modes() {
  run find place/shared -printf '%y %m %G %p\n'
  local line
  assert [ "${#lines[@]}" -ge 5 ]
  for line in "${lines[@]}"; do
    case $line in
      "d 2770 $MEMBERS "*) ;;
      "f 660 $MEMBERS "* | "p 660 $MEMBERS "*) ;;
      "f 440 $MEMBERS "*spool.db-group) ;;
      *) fail "$line" ;;
    esac
  done
}

# shared: Alice creates a spool for the group.
shared() {
  public
  as_user $ALICE chat-spool init --group chat-members 2>"$PUBLIC/said" || fail "init: $(cat "$PUBLIC/said")"
}

@test "init --group explains that the members have to trust each other" {
  shared
  run cat said
  assert_output "chat-spool: every member of group 'chat-members' can read, change and delete all of this spool"
  group_modes_of_two
}

group_modes_of_two() {
  assert_equal "$(stat -c '%a %g' place/shared place/shared/spool.db | tr '\n' ' ')" "2770 $MEMBERS 660 $MEMBERS "
}

@test "the members of a group share a spool" {
  shared
  as_user $ALICE chat-send 'of alice'
  as_user $BOB chat-send 'of bob'
  run -0 as_user $BOB chat-recv
  assert_output 'of alice'
  run -0 as_user $ALICE chat-recv
  assert_output 'of bob'
  run -0 as_user $BOB chat-spool check
  run -0 as_user $BOB chat-spool list
  as_user $ALICE chat-send x
  run -0 as_user $BOB chat-spool delete -y main
  run -0 as_user $BOB chat-spool config max-length 1000
  run -0 as_user $ALICE chat-spool config max-length
  assert_output 1000
  run -0 as_user $BOB chat-spool compact
}

@test "a send by one member wakes a waiting receiver of another member" {
  local receiver
  shared
  as_user $ALICE chat-send -r other first
  # A member other than the creator waits first, and creates the wake-up FIFO.
  background env -i bash -c "$(declare -f as_user); $(declare -p PUBLIC SHARED ALICE BOB MALLORY MEMBERS PATH); as_user $BOB chat-recv -w" >out
  receiver=$BACKGROUND_PID
  wait_until eval 'wchan_of_chat_recv'
  as_user $ALICE chat-send hello
  finish "$receiver"
  assert_success
  assert_bytes out 'hello\n'
  group_modes
  # And the other way round.
  background env -i bash -c "$(declare -f as_user); $(declare -p PUBLIC SHARED ALICE BOB MALLORY MEMBERS PATH); as_user $ALICE chat-recv -w" >out
  receiver=$BACKGROUND_PID
  wait_until eval 'wchan_of_chat_recv'
  as_user $BOB chat-send again
  finish "$receiver"
  assert_bytes out 'again\n'
}

# The receiver, a descendant of the background process, sleeps in poll.
wchan_of_chat_recv() {
  local pid
  for pid in $(pgrep -g "$BACKGROUND_PID" -x chat-recv; pgrep -x chat-recv -u $ALICE,$BOB); do
    asleep "$pid" '*poll*' && return 0
  done
  return 1
}

@test "one member respects the claim of another, which ends with its process" {
  local receiver
  shared
  as_user $ALICE chat-send one
  as_user $ALICE chat-send two
  full_pipe pipe
  background env -i bash -c "$(declare -f as_user); $(declare -p PUBLIC SHARED ALICE BOB MALLORY MEMBERS PATH); as_user $ALICE chat-recv" >pipe
  wait_until eval '[[ $(as_user $BOB chat-spool show) == *claimed* ]]'
  run -0 as_user $BOB chat-recv
  assert_output two
  kill -KILL -- "-$BACKGROUND_PID"
  pkill -KILL -u $ALICE -x chat-recv || true
  wait_until eval '[[ $(as_user $BOB chat-spool show) != *claimed* ]]'
  run -0 as_user $BOB chat-recv
  assert_output one
}

# A service with few rights may be killed for chmod() or chown(), and a kill in between would leave a file that the
# other members cannot use.
@test "if the umask allows the group access, no mode or owner of a file has to be changed" {
  needs strace
  local changing=chown,fchown,fchownat,chmod,fchmod,fchmodat
  shared
  MASK=0007 run -0 as_user $ALICE strace -f -qq -e signal=none -o alice/trace -e trace=$changing sh -c \
    'chat-recv -t 0.1 -r other; chat-send one && chat-recv && seq 100 | chat-send -l && chat-spool compact -q'
  assert_equal "$(cat alice/trace)" ''
  group_modes
  # The control: under another umask they are changed.
  rm -rf "${SHARED:?}"-bell
  MASK=0077 run as_user $ALICE strace -f -qq -o alice/trace -e trace=$changing chat-recv -t 0.1 -r other
  run -0 grep -c fchmod alice/trace
}

@test "every file has the group and the mode of the spool, whatever the umask of its creator" {
  local MASK
  for MASK in 0777 0 0077 0022; do
    shared
    as_user $BOB chat-send first
    as_user $ALICE bash -c 'seq 3000 | chat-send -l'
    run -1 as_user $BOB chat-recv -t 0.01 -r nothing
    run -1 as_user $ALICE chat-recv -t 0.01 -r another
    run -0 as_user $BOB chat-recv -c 5
    group_modes
    # After the WAL and its index have been deleted, another member creates them.
    as_user $ALICE sqlite3 place/shared/spool.db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
    run -0 as_user $BOB chat-send x
    group_modes
    run -0 as_user $ALICE chat-recv -a
    as_user $BOB chat-spool compact -q
    group_modes
    rm -rf "$PUBLIC"
    cd "$BATS_TEST_TMPDIR"
  done
}

@test "a user who is not a member is refused with 77, and so is root" {
  local command
  shared
  as_user $ALICE chat-send one
  for command in 'chat-send x' chat-recv 'chat-recv -p' 'chat-recv -t 0.1' 'chat-spool list' 'chat-spool check --repair' 'chat-spool dump' \
    'chat-spool delete -y main' 'chat-spool init' 'chat-spool backup mallory/b.db' 'chat-spool init --group chat-members'; do
    # shellcheck disable=SC2086  # words are meant
    run --separate-stderr as_user $MALLORY $command
    assert_equal "mallory: $command: $status" "mallory: $command: 77"
    # shellcheck disable=SC2086
    CHAT_SPOOL=$SHARED run --separate-stderr setpriv --clear-groups timeout 20 $command
    [[ $command == *members && $status == 64 ]] || assert_equal "root: $command: $status" "root: $command: 77"
  done
  run -0 as_user $BOB chat-recv
  assert_output one
}

@test "a spool or directory that is only group-writable is refused with 77" {
  local what
  for what in directory spool both; do
    rm -rf dir
    chat-send -s dir/spool.db one
    [[ $what == spool ]] || chmod 2770 dir
    [[ $what == directory ]] || chmod 660 dir/spool.db
    run --separate-stderr chat-send -s dir/spool.db x
    assert_error 77 'chat-send: '
    run --separate-stderr chat-recv -s dir/spool.db
    assert_error 77 'chat-recv: '
    run --separate-stderr chat-spool list -s dir/spool.db
    assert_error 77 'chat-spool: '
  done
}

@test "a mark that another member created is ignored" {
  public
  mkdir -m 2770 place/shared
  chown $ALICE:$MEMBERS place/shared
  chmod 2770 place/shared
  as_user $BOB bash -c 'echo "chat-spool init --group chat-members" >place/shared/spool.db-group; chmod 440 place/shared/spool.db-group'
  assert_equal "$(stat -c %u place/shared/spool.db-group)" $BOB
  run --separate-stderr as_user $ALICE chat-send x
  assert_error 77 'chat-send: '
  run --separate-stderr as_user $BOB chat-send x
  assert_error 77 'chat-send: '
  # Nor is a link to a mark that the owner has elsewhere.
  as_user $ALICE bash -c 'umask 022; echo "chat-spool init --group chat-members" >alice/mark; chmod 440 alice/mark; chmod 755 alice'
  chown $ALICE:$MEMBERS alice/mark
  as_user $BOB bash -c 'rm -f place/shared/spool.db-group; ln -s "$PWD/alice/mark" place/shared/spool.db-group'
  run --separate-stderr as_user $ALICE chat-send x
  assert_error 77 'chat-send: '
}

@test "init --group in a directory that is not empty is refused with 73, and nothing is shared" {
  public
  as_user $ALICE mkdir -m 700 place/shared
  as_user $ALICE bash -c 'echo private >place/shared/file'
  run --separate-stderr as_user $ALICE chat-spool init --group chat-members
  assert_error 73 'chat-spool: '
  assert_equal "$(stat -c %a place/shared)" 700
  assert_not_exist place/shared/spool.db
  # Nor is a user's own spool shared.
  SHARED=$PUBLIC/place/own/spool.db
  as_user $ALICE chat-send mine
  run --separate-stderr as_user $ALICE chat-spool init --group chat-members
  assert_error 73 'chat-spool: '
  assert_equal "$(stat -c %a place/own place/own/spool.db | tr '\n' ' ')" '700 600 '
  run -0 as_user $ALICE chat-recv
  assert_output mine
}

@test "a second init --group succeeds, also for another member" {
  shared
  as_user $BOB chat-send one
  run -0 as_user $ALICE chat-spool init --group chat-members
  run -0 as_user $BOB chat-spool init --group chat-members
  run -0 as_user $BOB chat-spool init
  run -0 as_user $ALICE chat-recv
  assert_output one
}

@test "a spool cannot be given to a group of which the user is not a member" {
  public
  SHARED=$PUBLIC/mallory/shared/spool.db
  run --separate-stderr as_user $MALLORY chat-spool init --group chat-members
  [[ $status == 73 || $status == 77 ]] || fail "$status: $stderr"
  run find mallory -perm -020
  assert_output ''
}

@test "concurrent members receive each message once" {
  local pids=() user
  shared
  for user in $ALICE $BOB; do
    background env -i bash -c "$(declare -f as_user); $(declare -p PUBLIC SHARED ALICE BOB MALLORY MEMBERS PATH)
      as_user $user bash -c 'for i in {1..60}; do chat-send \"$user \$i\" || exit; done'"
    pids+=("$BACKGROUND_PID")
    background env -i bash -c "$(declare -f as_user); $(declare -p PUBLIC SHARED ALICE BOB MALLORY MEMBERS PATH)
      as_user $user bash -c 'for i in {1..30}; do chat-recv -q; done; true'" >"out-$user"
    pids+=("$BACKGROUND_PID")
  done
  for user in "${pids[@]}"; do
    finish "$user"
    assert_success
  done
  as_user $ALICE chat-recv -qa >rest || [[ $? == 1 ]]
  sort out-* rest | cmp - <(for user in $ALICE $BOB; do seq -f "$user %.0f" 60; done | sort)
  run -0 as_user $BOB chat-spool check
  group_modes
}

# ---------------------------------------------------------------- where

@test "where prints the path of the spool, and where that path comes from" {
  run -0 chat-spool where
  assert_output "$HOME/.local/state/chat/spool.db
the default spool, in the home directory; it does not exist"
  XDG_STATE_HOME=/nowhere/state run -0 chat-spool where
  assert_output '/nowhere/state/chat/spool.db
the default spool, in XDG_STATE_HOME; it does not exist'
  XDG_STATE_HOME=relative run -0 chat-spool where
  assert_output "$HOME/.local/state/chat/spool.db
the default spool, in the home directory; it does not exist"
  CHAT_SPOOL=here.db run -0 chat-spool where
  assert_output "$PWD/here.db
named by CHAT_SPOOL; it does not exist"
  CHAT_SPOOL=here.db run -0 chat-spool where -s there.db
  assert_output "$PWD/there.db
named by -s; it does not exist"
  assert_not_exist there.db
  chat-send -s there.db hello
  run -0 chat-spool where -s there.db
  assert_output "$PWD/there.db
named by -s"
  run -0 chat-spool where -q -s "$PWD/there.db"
  assert_output "$PWD/there.db"
  CHAT_SPOOL='' run -0 chat-spool where -q
  assert_output "$SPOOL"
  run -0 chat-spool where -s 'postgresql:///chat'
  assert_output 'postgresql:///chat
named by -s'
  run --separate-stderr chat-spool where jobs
  assert_usage chat-spool
  run --separate-stderr chat-spool where -s ''
  assert_usage chat-spool
  # Only on a terminal the path is escaped.
  run -0 chat-spool where -q -s $'/a\x1b.db'
  assert_output $'/a\x1b.db'
  run -0 on_terminal chat-spool where -q -s $'/a\x1b.db' </dev/null
  assert_output '/a\x1b.db'
}

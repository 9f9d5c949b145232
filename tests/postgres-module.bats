#!/usr/bin/env bats
# The PostgreSQL store is a module: when and from where it is loaded, and the errors in a URL that need no server.

# shellcheck disable=SC2030,SC2031,SC2154

load helper

setup() {
  chat_setup
  MODULE=$CHAT_BIN/chatspool/chatspool-postgresql.so
  # No process listens on a port below those that the kernel gives to clients and that needs a right to be used.
  NOWHERE='postgresql://nobody@127.0.0.1:1/chat?connect_timeout=1'
}

needs_module() { [[ -e $MODULE ]] || skip 'built without libpq'; }

# installed [FILE ...]: copy the programs to a new directory, $CHAT_BIN from now on, with these modules.
installed() {
  local from=$CHAT_BIN file
  CHAT_BIN=$BATS_TEST_TMPDIR/bin PATH=$BATS_TEST_TMPDIR/bin:$PATH
  mkdir -p "$CHAT_BIN/chatspool"
  cp "$from"/chat-{send,recv,spool} "$CHAT_BIN"
  for file; do [[ ! -e $from/chatspool/$file ]] || cp "$from/chatspool/$file" "$CHAT_BIN/chatspool"; done
  MODULE=$CHAT_BIN/chatspool/chatspool-postgresql.so
}

@test "no program loads or searches a module for a spool that is a file" {
  unset CHAT_SPOOL # the default is a file
  chat-send hello
  local -a command
  for command in 'chat-send hello' 'chat-recv -p' 'chat-spool list' 'chat-spool check'; do
    # shellcheck disable=SC2086
    run -0 --separate-stderr strace -f -qq -o trace $command
    case $command in
      'chat-recv -p') assert_output hello ;;
      'chat-spool list') assert_output --partial main ;;
    esac
    run cat trace
    refute_output --partial /chatspool/
    refute_output --partial libpq
    refute_output --partial chatspool-
    run grep -c execve trace
    assert_output 1
  done
  run -0 chat-recv -a
  assert_output $'hello\nhello'
}

@test "no program links libpq, and the module exports one symbol" {
  needs_module
  local file
  for file in "$CHAT_BIN"/chat-{send,recv,spool}; do
    run readelf -d "$file"
    refute_output --partial libpq
  done
  run bash -c "nm -D --defined-only '$MODULE' | awk '{ print \$NF }'"
  sanitized || assert_output chat_module
}

@test "a URL loads the module, and a server that cannot be reached exits with 69" {
  needs_module
  local command
  for command in 'chat-send hello' chat-recv 'chat-spool init'; do
    # shellcheck disable=SC2086
    CHAT_SPOOL=$NOWHERE run --separate-stderr $command
    assert_error 69 "${command%% *}: cannot reach spool '$NOWHERE': "
    assert_regex "$stderr" 'port 1 failed: Connection refused$'
  done
  run --separate-stderr chat-send -s "${NOWHERE/postgresql:/postgres:}" hello
  assert_error 69 "chat-send: cannot reach spool 'postgres://"
  assert_not_exists "$HOME/.local"
}

@test "a receiver that cannot reach the server gives up when its time limit ends" {
  needs_module
  run --separate-stderr chat-recv -t 0.2 -s "${NOWHERE%\?*}"
  assert_error 69 'chat-recv: cannot reach spool '
}

@test "each program loads the module itself and starts no other program for it" {
  needs_module
  local -a command
  for command in 'chat-send hello' chat-recv 'chat-spool list'; do
    # shellcheck disable=SC2086
    CHAT_SPOOL=$NOWHERE run strace -f -qq -o trace -e trace=execve,openat $command
    assert_failure 69
    run grep -c execve trace
    assert_output 1
    run grep -c 'chatspool/chatspool-postgresql\.so.*= [0-9]*$' trace
    assert_output 1
  done
}

@test "an installation without the module reports that PostgreSQL support is missing" {
  installed
  local command
  for command in 'chat-send hello' chat-recv 'chat-spool list'; do
    # shellcheck disable=SC2086
    CHAT_SPOOL=$NOWHERE run --separate-stderr $command
    assert_error 69 "${command%% *}: PostgreSQL support is not installed: 'chatspool-postgresql.so' is not in '"
  done
  rm -r "$CHAT_BIN/chatspool"
  run --separate-stderr chat-send -s "$NOWHERE" hello
  assert_error 69 'chat-send: PostgreSQL support is not installed: '
}

@test "a module in a place that others can write to is not loaded" {
  needs_module
  local path mode
  installed chatspool-postgresql.so
  run --separate-stderr chat-spool list -s "$NOWHERE"
  assert_error 69 'chat-spool: cannot reach spool '
  for path in "$MODULE" "$CHAT_BIN/chatspool"; do
    for mode in g+w o+w; do
      chmod "$mode" "$path"
      run --separate-stderr chat-spool list -s "$NOWHERE"
      assert_error 77 "chat-spool: the module '$MODULE' is not safe to load: "
      chmod go-w "$path"
    done
  done
}

@test "a module of another user is not loaded" {
  needs_module
  ((EUID == 0)) || skip 'only root can give a file away'
  installed chatspool-postgresql.so
  chown 54322 "$MODULE"
  run --separate-stderr chat-spool list -s "$NOWHERE"
  assert_error 77 "chat-spool: the module '$MODULE' is not safe to load: "
}

@test "no module is loaded from the current directory or from a place that the environment names" {
  installed
  mkdir chatspool
  cp "$CHAT_BIN/chat-spool" chatspool
  printf 'not a module\n' | tee chatspool-postgresql.so >chatspool/chatspool-postgresql.so
  LD_LIBRARY_PATH=$PWD run --separate-stderr chat-spool list -s "$NOWHERE"
  assert_error 69 'chat-spool: PostgreSQL support is not installed: '
}

@test "the errors distinguish a file that is not a module from a module of another version" {
  [[ $(readelf --program-headers "$CHAT_BIN/chat-spool") == *INTERP* ]] || skip 'these programs load none'
  installed
  echo 'not a module' >"$MODULE"
  chmod 755 "$MODULE"
  run --separate-stderr chat-spool list -s "$NOWHERE"
  assert_error 69 "chat-spool: cannot load the module '$MODULE': "
  # shellcheck disable=SC2016
  echo 'struct { char version[32]; void *verbs; } chat_module = { "0.0.0", 0 };' >other.c
  cc -shared -fPIC -o "$MODULE" other.c
  run --separate-stderr chat-spool list -s "$NOWHERE"
  assert_error 69 "chat-spool: the module '$MODULE' is not of version "
}

@test "a password in a URL is refused and printed nowhere" {
  needs_module
  local url
  for url in 'postgresql://alice:hunter2@127.0.0.1:1/chat' 'postgresql://127.0.0.1:1/chat?user=alice&password=hunter2' \
    'postgresql://127.0.0.1:1/chat?sslpassword=hunter2' 'postgres://alice:hunter2@127.0.0.1:1,127.0.0.1:2/'; do
    run --separate-stderr chat-send -s "$url" hello
    assert_usage chat-send
    assert_regex "$stderr" 'contains a password, which other users could see: keep it in ~/.pgpass'
    [[ $stderr != *hunter2* ]] || fail "$stderr"
    CHAT_SPOOL=$url run --separate-stderr chat-recv -- env
    assert_equal "$status" 64
    assert_equal "$output" ''
  done
}

@test "a URL that cannot be read is a usage error that shows no secret" {
  needs_module
  local url
  for url in 'postgresql://127.0.0.1:1/chat?nonsense=hunter2&password=hunter2' 'postgresql://alice:hunter2@[::1/chat' \
    'postgresql://alice:hunter2@%zz/chat' 'postgresql://alice:hunter2@127.0.0.1:1/chat?nonsense'; do
    run --separate-stderr chat-send -s "$url" hello
    assert_usage chat-send
    [[ $stderr != *hunter2* ]] || fail "$stderr"
  done
  run --separate-stderr chat-send -s 'postgresql://127.0.0.1:1/chat?nonsense=1' hello
  assert_usage chat-send
  assert_regex "$stderr" 'nonsense'
}

@test "a URL with a scheme that no store has is a usage error that shows only the scheme" {
  local url
  for url in mysql://alice:hunter2@h/x postgresqlx://alice:hunter2@h/x POSTGRESQL://alice:hunter2@h/x; do
    run --separate-stderr chat-send -s "$url" hello
    assert_usage chat-send
    assert_regex "$stderr" "unsupported spool URL '${url%%:*}://…': use a path or postgresql://…"
    [[ $stderr != *hunter2* ]] || fail "$stderr"
  done
}

# trying PID: the process has tried to reach the server, and pauses.
trying() { asleep "$1" '*poll*'; }

@test "a signal ends a follower that cannot reach the server, with a command too" {
  needs_module
  local -a command
  for command in '' '-- cat'; do
    # shellcheck disable=SC2086
    background chat-recv -F -s "${NOWHERE%=1}=30" $command
    wait_until trying "$BACKGROUND_PID"
    kill -TERM "$BACKGROUND_PID"
    finish "$BACKGROUND_PID"
    assert_equal "$status" 0
  done
}

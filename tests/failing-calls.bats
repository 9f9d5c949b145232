#!/usr/bin/env bats
# chat-send and chat-recv when calls of the C library fail (tests/fault/refuse.c): the exact output, errors and exit
# status for each call, what is left in the spool, and that no pipe or file in memory is left open.
#
# tests/torture/calls.bats makes any system call fail, and asks only that nothing is lost.

# The scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2034,SC2154

load helper

setup() {
  FAULTS=${CHAT_FAULTS:-$REPOSITORY/build/fault}
  [[ -e $FAULTS/refuse.so ]] || make -s -C "$REPOSITORY" faults
  chat_setup
  ! sanitized || skip 'a sanitized program has its own C library functions'
  grep -qa ld-linux "$CHAT_BIN/chat-recv" || skip 'a static program takes no functions from a library'
}

# shown STATUS: print the end of a command: its output, its errors, its status, the file "refused", and what the room contains.
# It starts only one process, because it is called for each of many commands.
shown() {
  local text='' part counts=''
  IFS= read -r -d '' text <stdout || true
  text=${text:0:300}
  while [[ $text ]]; do
    part=${text%%$'\n'*}
    text=${text:${#part}+1}
    echo "${part:0:60}"
  done
  IFS= read -r -d '' text <stderr || true
  printf %s "$text"
  [[ ! -e refused ]] || read -r counts <refused || true
  chat-recv -q -p -a -o '%b:%n ' >left || true
  IFS= read -r -d '' LEFT <left || true
  LEFT=${LEFT//$'\n'/\/}
  echo "= $1, $counts, left [${LEFT:0:60}]"
}

# refused RULES COMMAND [ARG ...]: run a command while calls fail. Print the rules and the command, its output and errors, and
# at the end its status, how many calls have failed, how many pipes and files in memory are still open, and what the room
# contains.
refused() {
  local rules=$1 status
  shift
  echo "# $rules: $*"
  rm -f refused
  # shellcheck disable=SC2030
  timeout -s KILL 20 env LD_PRELOAD="$FAULTS/refuse.so" REFUSE="$rules" REFUSE_OF="${OF:-$1}" REFUSED="$PWD/refused" "$@" 2>&1 >stdout | cat >stderr
  status=${PIPESTATUS[0]}
  shown "$status"
}

# divide RULES ... -- COMMAND [ARG ...]: store the two parts in $EACH and $COMMAND.
divide() {
  EACH=()
  while [[ $1 != -- ]]; do
    EACH+=("$1")
    shift
  done
  COMMAND=("${@:2}")
}

# each RULES ... -- COMMAND [ARG ...]: run `refused` with each of the rules, and put a message into the room if it is empty.
each() {
  local rule
  divide "$@"
  for rule in "${EACH[@]}"; do
    chat-recv -q -p >peeked || chat-send job
    refused "$rule" "${COMMAND[@]}"
  done
}

# ---------------------------------------------------------------- chat-recv with COMMAND

@test "a receiver passes a message to COMMAND in a pipe, or in a file if a pipe does not take it" {
  local size way
  {
    for size in 0 1 65535 65536 65537 200000; do
      head -c "$size" /dev/zero | tr '\0' x | chat-send
      refused '' chat-recv -- sh -c 'readlink /proc/self/fd/0 | sed "s/:.*//; s/ .*//"; wc -c'
    done
    for way in 'pipe2:1=EMFILE' 'pipe2:1=SHORT' 'write@pipe:1=EAGAIN' 'write@pipe:1=SHORT' 'write@pipe:1=EIO' 'pipe2:1=ENFILE write@memory:1=SHORT' \
      'pipe2:1=ENFILE write@memory:1=EINTR' 'pipe2:1=EMFILE write@memory:1=SHORT write@memory:2=EINTR write@memory:3=SHORT'; do
      seq 10000 | chat-send
      refused "$way" chat-recv -- cksum
    done
  } | is_recorded data/failing-calls/input
}

@test "a receiver that cannot pass a message to COMMAND reports the reason, and the message stays" {
  {
    each 'pipe2:1=EMFILE memfd_create:1=EMFILE' 'pipe2:1=EMFILE memfd_create:1=ENFILE' 'pipe2:1=EMFILE write@memory:1=ENOSPC' 'write@pipe:1=EAGAIN write@memory:1=EIO' \
      'pipe2:1=EMFILE lseek@memory:1=EINVAL' 'write@pipe:1=EIO write@memory:1=SHORT write@memory:2=ENOSPC' -- chat-recv -- cat
    # With -b the messages are always in a file. A failed lseek() has no reason of its own there.
    each 'memfd_create:1=EMFILE' 'write@memory:1=ENOSPC' 'write@memory:1=EINTR' 'write@memory:1=SHORT' 'lseek@memory:1=EINVAL' -- chat-recv -b 5 -- cat
    # A receiver that may wait tries again. These do not sleep: their pauses end at once.
    each 'ppoll:1+=NONE pipe2:1+=EMFILE memfd_create:1=EMFILE' 'ppoll:1+=NONE pipe2:1+=EMFILE memfd_create:1=EMFILE memfd_create:2=ENFILE memfd_create:3=ENOSPC' \
      'ppoll:1+=NONE pipe2:1=EMFILE memfd_create:1=EMFILE posix_spawnp:1=EAGAIN' -- chat-recv -w -- cat
    each 'pipe2:1+=EMFILE memfd_create:1+=EMFILE' -- chat-recv -a -t 0 -- cat
  } | is_recorded data/failing-calls/passing
}

@test "a receiver that cannot run COMMAND reports the reason, with a status for each kind" {
  {
    each posix_spawnp:1={EAGAIN,ENOMEM,EMFILE,ENFILE,ENOENT,EACCES,E2BIG,ENOTDIR,EPERM} adddup2:1={ENOMEM,EINVAL} addclosefrom:1={ENOMEM,EINVAL} \
      setflags:1={ENOMEM,EINVAL} -- chat-recv -- cat
    each posix_spawnp:1={EAGAIN,ENOENT,EACCES} -- chat-recv -- 'cat /dev/null'
    each posix_spawnp:1={EAGAIN,ENOENT} -- chat-recv -- 'cat /dev/null' second
    # A script without #! is run by the shell.
    program do-it <<<'echo "$0 $# $*"'
    each posix_spawnp:1=ENOEXEC 'posix_spawnp:1=ENOEXEC posix_spawn:1=EAGAIN' 'posix_spawnp:1=ENOEXEC posix_spawn:1=ENOENT' -- chat-recv -- ./do-it one 'two three'
    each posix_spawnp:1=ENOEXEC -- chat-recv -- no-such-script
    PATH=$PATH:$PWD each '' -- chat-recv -- do-it
    PATH=:$PATH each '' -- chat-recv -- do-it one
    PATH=/nowhere:$PWD:$PATH each '' -- chat-recv -- do-it one
    # Reported again is only what ends the receiver.
    each 'ppoll:1+=NONE posix_spawnp:1=EAGAIN posix_spawnp:2=ENOMEM posix_spawnp:3=EMFILE' 'ppoll:1+=NONE posix_spawnp:1=EAGAIN posix_spawnp:2=ENOENT' \
      'ppoll:1+=NONE posix_spawnp:1=EAGAIN posix_spawnp:3=EAGAIN' -- chat-recv -w -- cat
  } 2>&1 | sed -u "s|$PWD/|./|g" | is_recorded data/failing-calls/running
}

# ---------------------------------------------------------------- output

@test "a receiver whose output fails reports the reason, and keeps the messages" {
  {
    each write@1:1={EIO,ENOSPC,EPIPE,EINTR,SHORT} 'write@1:1=SHORT write@1:2=EINTR write@1:3=ENOSPC' write@1:1=EAGAIN 'write@1:1=EAGAIN poll@1:1=EINTR' \
      'write@1:1=EAGAIN poll@1:1=EIO' fsync@1:1={EIO,ENOSPC,EINTR,EINVAL} 'fsync@1:1=EINTR fsync@1:2=EIO' -- chat-recv
    # A message that no buffer holds, among others.
    chat-recv -q >peeked
    { echo first && head -c 100000 /dev/zero | tr '\0' y && seq 2; } >in
    for rules in write@1:{1,2,3}=ENOSPC write@1:{1,2}=SHORT 'write@1:1=EINTR write@1:2=SHORT write@1:3=EAGAIN'; do
      chat-recv -q -p >peeked || chat-send -l <in
      refused "$rules" chat-recv -a -o '%i %b\n'
      cksum <stdout
    done
    # A pipe is not synced.
    each fsync@1:1=EIO -- bash -c 'set -o pipefail; chat-recv | cat'
    each write@1:1={ENOSPC,EINTR} -- chat-recv --version | sed 's/^\(chat-recv \)[0-9].*/\1VERSION/'
    each write@1:1=ENOSPC -- chat-recv --help
    chat-recv -q >peeked
    for rules in write@1:1={ENOSPC,SHORT} fsync@1:1=EIO; do
      refused "$rules" chat-send -i job
      seq 3 | refused "$rules" chat-send -i -l
      chat-recv -q -a >peeked
    done
  } | is_recorded data/failing-calls/output
}

@test "a receiver that a signal interrupts deletes what was written completely, and no other message" {
  local rules
  {
    # A file counts as written when it is synced.
    each write@1:1=TERM 'write@1:1=SHORT write@1:2=TERM' fsync@1:1=TERM 'write@1:1=EAGAIN poll@1:1=TERM' 'write@1:1=EINTR write@1:2=EINTR' \
      'write@1:1=TERM write@1:2=EAGAIN' -- chat-recv -F -t 0
    for rules in write@1:1=TERM 'write@1:1=SHORT write@1:2=TERM' 'write@1:1=SHORT write@1:2=SHORT write@1:3=TERM' 'write@1:1=EAGAIN poll@1:1=TERM write@1:2=SHORT write@1:3=EAGAIN'; do
      chat-recv -q -a >peeked || true
      printf '1\0002\0003' | chat-send -0
      OF=chat-recv refused "$rules" bash -c 'set -o pipefail; chat-recv -F -n | cat'
      echo
    done
    chat-recv -q -a >peeked || true
    for rules in '-F' '-F -t 20' '-F -r none -r main'; do
      # shellcheck disable=SC2086
      refused ppoll:1=TERM chat-recv $rules
    done
    # Without -F a signal kills, and asks for no more messages if there is a COMMAND.
    each write@1:1=TERM fsync@1:1=TERM -- chat-recv
    for rules in '-a' '-F' '-w' '-c 2' '-F -P 2'; do
      chat-recv -q -a >peeked || true
      seq 3 | chat-send -l
      # shellcheck disable=SC2086
      refused waitpid:1=TERM chat-recv $rules -- cat
      # shellcheck disable=SC2086
      [[ $rules == *-P* ]] || refused waitpid:2=TERM chat-recv $rules -- sh -c 'cat; exit 0'
    done
  } 2>&1 | is_recorded data/failing-calls/stopping
}

# ---------------------------------------------------------------- input

# read_from WAY RULES ... -- COMMAND [ARG ...]: run `refused` with each of the rules, with the file "in" as standard input, or
# with a pipe that contains all of it and has no writer any more. The room is empty before.
read_from() {
  local way=$1 rule input
  divide "${@:2}"
  for rule in "${EACH[@]}"; do
    chat-recv -q -a >peeked || true
    if [[ $way == file ]]; then
      exec {input}<in
    else
      exec {input}< <(cat in)
      wait $!
    fi
    refused "$rule" "${COMMAND[@]}" <&"$input" {input}<&-
    exec {input}<&-
  done
}

@test "a sender whose input fails reports the reason and how many messages are stored" {
  local way
  seq 3 >in
  {
    read_from file read@0:{1,2}={EIO,EINTR,SHORT} read@0:1=EAGAIN 'read@0:1=EAGAIN poll@0:1=EINTR' 'read@0:1=EAGAIN poll@0:1=EIO' -- chat-send
    for way in file pipe; do
      read_from $way read@0:1={EIO,EINTR,EAGAIN} read@0:2={EIO,SHORT} poll@0:{1,2}={EIO,EINTR} -- chat-send -l
      read_from $way read@0:1={EIO,SHORT} -- chat-send -1 -l
    done
    # -1 collects a pipe in a file.
    mkdir here
    TMPDIR=here read_from pipe {mkostemp,fdopen,fwrite,fflush}:1=ENOSPC read@0:2=EIO 'read@0:1=EAGAIN poll@0:1=EIO' -- chat-send -1 -l
    TMPDIR='' read_from pipe mkostemp:1=EACCES -- chat-send -1 -l
    TMPDIR=/nowhere read_from pipe '' -- chat-send -1 -l
    TMPDIR=/nowhere read_from file '' -- chat-send -1 -l
    (unset TMPDIR && read_from pipe mkostemp:1=EACCES -- chat-send -1 -l)
  } | is_recorded data/failing-calls/reading
  assert [ -z "$(ls -A here)" ]
}

# ---------------------------------------------------------------- names, paths and descriptors

@test "a sender has a name and a host if those of the system cannot be found or are not valid" {
  local rules
  {
    for rules in gethostname:1={EIO,NAME} 'fopen@/etc/passwd:1=EACCES getpwuid:1='{SHORT,NAME,NONE,EIO}; do
      refused "$rules" chat-send job
      if [[ $rules == gethostname* ]]; then chat-recv -o '%h\n'; else chat-recv -o '%u\n' | sed "s/^$EUID\$/UID/"; fi
    done
  } | is_recorded data/failing-calls/names
}

@test "a standard descriptor that is closed is noticed, also if poll() fails" {
  local fd rules
  {
    for rules in '' poll:1=EINVAL; do
      for fd in 0 1 2; do
        OF=chat-recv each "$rules" -- bash -c "exec chat-recv $fd>&-"
        OF=chat-send each "$rules" -- bash -c "echo body | exec chat-send $fd>&-"
        chat-recv -q -a >peeked
      done
      OF=chat-recv each "$rules" -- bash -c "exec chat-recv --version" | sed 's/^\(chat-recv \)[0-9].*/\1VERSION/'
    done
    for fd in 0 1 2; do OF=chat-recv each open@/dev/null:1=EACCES -- bash -c "exec chat-recv $fd>&-"; done
  } | is_recorded data/failing-calls/descriptors
}

@test "a lack of memory for a text ends a program with 71, and nothing is lost" {
  {
    each asprintf:{1,2}=ENOMEM -- chat-recv -- cat
    each vasprintf:{1,2}=ENOMEM -- chat-recv -r none
    each vasprintf:1=ENOMEM -- chat-recv -P 0
    each asprintf:1=ENOMEM -- chat-send -r tea/ hello
    # Only chat-recv knows where it is. A COMMAND there gets the path as it was given.
    chat-send -s spool.db hello
    each getcwd:{1,2}=EACCES -- chat-recv -s spool.db -- sh -c 'echo "$CHAT_SPOOL"'
  } 2>&1 | is_recorded data/failing-calls/texts
}

# starved SIZE COMMAND [ARG ...]: run a command whose first allocation of this size fails.
starved() {
  local status=0 size=$1
  shift
  echo "# ${OF:-$1} ... ${*: -1}"
  env LD_PRELOAD="$FAULTS/nomemory.so" NOMEMORY=1 NOMEMORY_OF="${OF:-$1}" NOMEMORY_SIZE="$size" NOMEMORY_COUNT="$PWD/refused" "$@" >stdout 2>stderr || status=$?
  shown "$status"
}

@test "a program without memory for one of its lists reports that and ends with 71" {
  local pointer rooms words
  pointer=$(($(getconf LONG_BIT) / 8))
  chat-send job
  mapfile -t rooms < <(seq 37 | sed 's/^/-rroom/')
  mapfile -t words < <(seq 61)
  {
    # 37 rooms or times, and 63 words and their end.
    starved $((37 * pointer)) chat-recv "${rooms[@]}"
    starved $((37 * pointer)) chat-send "${rooms[@]}" hello
    starved $((37 * 8)) chat-recv --backoff "$(seq -s, 37)" -- cat
    starved $((64 * pointer)) chat-spool move main other "${words[@]}"
    # An environment of 100 variables, with 10 of a message, CHAT_SPOOL and an end.
    OF=chat-recv starved $((112 * pointer)) env -i PATH="$PATH" HOME="$HOME" $(seq -f 'V%g=1' 93) LD_PRELOAD="$FAULTS/nomemory.so" \
      NOMEMORY=1 NOMEMORY_OF=chat-recv NOMEMORY_SIZE=$((112 * pointer)) NOMEMORY_COUNT="$PWD/refused" chat-recv -- cat
    program do-it <<<'echo "$#"'
    starved $((64 * pointer)) chat-recv -- ./do-it "${words[@]}"
    # Bodies.
    starved 65536 chat-send </dev/null
    head -c 99999 /dev/zero >in
    starved 100000 chat-send -f in
    starved 100000 chat-send <in
    printf '{"body":"%099999d"}\n' 7 | starved 100002 chat-send -J
    ((EUID != 0)) || refused strdup:1=ENOMEM chat-recv | grep -x 'chat-recv: out of memory'
    ((EUID == 0)) || echo 'chat-recv: out of memory'
  } | is_recorded data/failing-calls/lists
}

# ---------------------------------------------------------------- writes to the spool

@test "a receiver that cannot acknowledge what COMMAND has done reports it for each message, and stops" {
  needs prlimit
  program spent <<<$'#!/bin/sh\nprlimit --pid $PPID --fsize=1:\nexit $1'
  local options
  {
    while read -r options; do
      seq 2 | chat-send -l
      chat-recv -q -a -r main.dead >peeked || true
      # shellcheck disable=SC2086
      OF=chat-recv refused '' chat-recv $options | sed "s|$SPOOL|SPOOL|; s/; .*synced.*//"
      chat-recv -q -a >peeked || true
    done <<<'-- ./spent 0
-- ./spent 99
-- ./spent 1
--tries 1 -- ./spent 1
-- ./spent 100
-- ./spent 75
-F -- ./spent 0
-F -- ./spent 1
-F -- ./spent 75
-F --tries 1 -- ./spent 1
-a -- ./spent 0
-a -- ./spent 1
-b 2 -- ./spent 0
-b 2 -- ./spent 1
-b 2 -- ./spent 65'
  } 2>&1 | is_recorded data/failing-calls/writing
}

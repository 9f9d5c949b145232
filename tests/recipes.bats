# The scripts in examples/ do what their first lines say, also when something dies in the middle.

# bats file_tags=recipes

# Much here is for inner shells, and a variable that a test exports is for that test.
# shellcheck disable=SC2016,SC2030,SC2031

load helper
load ssh

setup() {
  chat_setup
  RECIPES="$REPOSITORY/examples"
  export PATH="$RECIPES:$PATH"
}

# What chat-recv runs has a process group of its own.
teardown() {
  local pid
  for pid in "${BACKGROUND_PIDS[@]}"; do pkill -KILL -s "$pid" || true; done
  chat_teardown
}

# Holds once the room has N messages.
holds() { [[ $(chat-recv -q -p -a -o . -r "$1" || [[ $? == 1 ]] || echo failed) == "$(printf '%*s' "$2" '' | tr ' ' .)" ]]; }

# ---------------------------------------------------------------- all of them

@test "each recipe is in the list of them, and says what it is, how it is used, and what happens when something dies" {
  local recipe head
  for recipe in "$RECIPES"/*; do
    [[ -x $recipe && ! -d $recipe && $recipe != */demo ]] || continue
    head=$(sed '2,/^[^#]/!d' "$recipe")
    [[ $head == "# ${recipe##*/} - "*$'\n#   '*"${recipe##*/} "*$'\n# What happens when something dies: '* ]] || fail "$head"
    grep -qF "(${recipe##*/})" "$RECIPES/README.md" || fail "not in the list: $recipe"
  done
}

@test "a recipe that is called in a wrong way shows its usage, and exits with 64" {
  local recipe
  for recipe in "$RECIPES"/*; do
    [[ -x $recipe && ! -d $recipe && $recipe != */@(demo|unread) ]] || continue
    capture "$recipe" </dev/null
    assert_error 64 "usage: ${recipe##*/} "
  done
}

# ---------------------------------------------------------------- pool

@test "a pool does the jobs of a room and puts aside what fails three times" {
  printf '%s\n' one bad two | chat-send -l -r jobs
  background pool jobs sh -c 'job=$(cat); test "$job" != bad && echo "$job" >>did'
  wait_until holds jobs.dead 1
  kill "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  assert_success
  assert_equal "$(sort did)" "$(printf '%s\n' one two)"
  assert_equal "$(chat-recv -r jobs.dead -o '%n %b')" '3 bad'
  assert_empty_room jobs
}

@test "the jobs of a pool that was killed outright are there again, with no attempt counted" {
  seq 2 | chat-send -l -r jobs
  JOBS=2 background pool jobs sh -c 'echo >>began; exec sleep 60'
  wait_until began_twice
  assert_empty_room jobs
  kill -KILL "$BACKGROUND_PID"
  wait_until process_ended "$BACKGROUND_PID"
  run chat-recv -a -r jobs -o '%n %b\n'
  assert_output "0 1
0 2"
}
began_twice() { [[ -e began && $(wc -l <began) == 2 ]]; }

# ---------------------------------------------------------------- build-queue

# A repository "source" with a commit for each of its makefiles, given as what "all" does.
repository() {
  needs git make
  export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@a GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@a GIT_CONFIG_NOSYSTEM=1
  unset MAKEFLAGS MFLAGS MAKELEVEL
  git init -q source
  local all
  for all; do
    printf 'all:\n\t%s\n' "$all" >source/Makefile
    git -C source add Makefile
    git -C source commit -q -m "$all"
  done
}

@test "the build queue builds each commit that is pushed, and tells the result of each" {
  local -a commits
  repository '@echo well' '@echo badly; false'
  git init -q --bare pushed.git
  printf '#!/bin/sh\nwhile read -r old new ref; do build-queue ask "$new"; done\n' | program pushed.git/hooks/post-receive
  mapfile -t commits < <(git -C source rev-list HEAD)
  git -C source push -q ../pushed.git "${commits[1]}:refs/heads/main"
  git -C source push -q ../pushed.git "${commits[0]}:refs/heads/main"
  cd pushed.git
  build-queue ask main
  run chat-recv -a -p -r builds
  assert_output "${commits[1]}
${commits[0]}"
  background build-queue work 2>/dev/null
  wait_until holds builds.done 2
  run chat-recv -r builds.done
  assert_output "${commits[1]} passed
well"
  run chat-recv -r builds.done
  assert_line --index 0 "${commits[0]} failed"
  assert_line --index 1 'badly'
  wait_until holds builds 0
  assert_equal "$(ls "$HOME/.cache/build-queue")" ''
}

@test "a build that died with its worker is begun anew by the next" {
  repository '@echo >>../../../began; while [ ! -e ../../../go ]; do sleep 0.05; done; test ! -e left; touch left'
  cd source
  build-queue ask HEAD
  background build-queue work 2>/dev/null
  wait_until test -e "$HOME/began"
  pkill -KILL -s "$BACKGROUND_PID"
  wait_until process_ended "$BACKGROUND_PID"
  background build-queue work 2>/dev/null
  touch "$HOME/go"
  wait_until holds builds.done 1
  run chat-recv -r builds.done -o '%b'
  assert_output --partial ' passed'
  assert_equal "$(wc -l <"$HOME/began")" 2
}

# ---------------------------------------------------------------- ship-log

@test "a log is shipped line by line, and on to its next file" {
  echo old >log
  background ship-log log lines
  wait_until tail_reads log
  echo first >>log
  wait_until holds lines 1
  mv log log.1
  echo second >log
  wait_until holds lines 2
  echo third >>log
  wait_until holds lines 3
  run chat-recv -a -r lines
  assert_output "first
second
third"
}
tail_reads() {
  local tail
  tail=$(pgrep -s "$BACKGROUND_PID" -x tail) && find "/proc/$tail/fd" -lname "*/$1" 2>/dev/null | grep -q .
}

@test "the room of a log that nobody receives holds the newest lines, and no tail is left of a ship-log that died" {
  local tail
  : >log
  KEEP=3 background ship-log log lines
  wait_until tail_reads log
  tail=$(pgrep -s "$BACKGROUND_PID" -x tail)
  seq 9 >>log
  wait_until newest_is 9
  kill -KILL "$BACKGROUND_PID"
  wait_until process_ended "$tail"
  run chat-recv -a -r lines
  assert_output "7
8
9"
}
newest_is() { [[ $(chat-recv -q -p -a -r lines | tail -n 1) == "$1" ]]; }

# ---------------------------------------------------------------- rate-limit

@test "a rate limiter lets no more through than N within TIME, whoever comes" {
  local -a at
  local pids=() i
  for i in 1 2 3 4 5; do
    background rate-limit mail 2 1s sh -c 'date +%s%3N >>at'
    pids+=("$BACKGROUND_PID")
  done
  for i in "${pids[@]}"; do finish "$i" && assert_success; done
  mapfile -t at < <(sort -n at)
  assert_equal "${#at[@]}" 5
  # The place is taken a moment before the command has begun.
  ((at[2] - at[0] > 800 && at[4] - at[2] > 800)) || fail "began at ${at[*]}"
}

@test "a rate limiter passes the status of its command, and its place comes back though it was killed" {
  run rate-limit mail 1 0.1s sh -c 'kill -KILL $$'
  assert_failure 137
  run rate-limit mail 1 0.1s sh -c 'cat; exit 3' <<<input
  assert_failure 3
  assert_output input
  # A place that is taken is a message.
  run -0 rate-limit taken 1 1h true
  run -75 chat-send -q -r rate.taken -m 1 x
}

# ---------------------------------------------------------------- mutex

@test "of the commands under one mutex one runs at a time" {
  local pids=() i
  echo 0 >count
  for i in 1 2 3 4 5; do
    background mutex count sh -c 'n=$(cat count); sleep 0.05; echo $((n + 1)) >count; exit 4'
    pids+=("$BACKGROUND_PID")
  done
  for i in "${pids[@]}"; do finish "$i" && assert_equal "$status" 4; done
  assert_equal "$(cat count)" 5
  assert_equal "$(chat-recv -p -o '%n' -r mutex.count)" 0
}

@test "a mutex is free at once when its holder has died" {
  background mutex it sh -c 'touch held; exec sleep 60'
  wait_until test -e held
  background mutex it touch next
  pkill -KILL -s "${BACKGROUND_PIDS[0]}"
  finish "$BACKGROUND_PID"
  assert_success
  assert_file_exists next
}

# ---------------------------------------------------------------- request and reply

@test "a request gets the answer to its own question" {
  local pids=() i
  background reply sums sh -c 'expr $(cat)'
  for i in 1 2 3; do
    background request sums "$i" + "$i" >"answer.$i"
    pids+=("$BACKGROUND_PID")
  done
  for i in "${pids[@]}"; do finish "$i" && assert_success; done
  run cat answer.1 answer.2 answer.3
  assert_output "2
4
6"
}

@test "a request that nobody answers in time exits with 1, and its question is gone" {
  PATIENCE=0.3 run --separate-stderr request sums 1 + 1
  assert_error 1 "request: no answer from 'sums'"
  wait_until holds sums 0
}

@test "a question is answered by the next when the one who had it died" {
  local asking
  background reply sums sh -c 'touch asked; exec sleep 60'
  background request sums 2 + 2 >answer
  asking=$BACKGROUND_PID
  wait_until test -e asked
  kill -KILL "${BACKGROUND_PIDS[0]}"
  background reply sums sh -c 'expr $(cat)'
  finish "$asking"
  assert_success
  assert_equal "$(cat answer)" 4
}

# ---------------------------------------------------------------- unread

@test "a prompt shows how many messages wait" {
  run unread
  assert_output ''
  assert_file_not_exists "$SPOOL"
  seq 3 | chat-send -l
  run unread
  assert_output '(3) '
  seq 120 | chat-send -l -r much
  run unread much
  assert_output '(99+) '
  assert_equal "$(chat-recv -c 2)" "$(seq 2)"
  printf '%s\n' 'PS1='\''$(unread)\$ '\' 'bind "set enable-bracketed-paste off"' >rc
  run on_terminal bash --rcfile rc -i <<<$'chat-recv\nexit'
  assert_output --regexp '\(1\) [$#] .*3'
  assert_line --regexp '^[$#] '
}

# ---------------------------------------------------------------- nightly

@test "the nightly report tells first what never ended, then what failed, then what is done" {
  nightly run good echo fine
  run nightly run bad sh -c 'echo oh dear; exit 3'
  assert_failure 3
  background nightly run ugly sh -c 'touch began; exec sleep 60'
  wait_until test -e began
  kill -KILL -- "-$BACKGROUND_PID"
  wait_until process_ended "$BACKGROUND_PID"
  run nightly report
  assert_success
  assert_equal "$(sed -E 's/^.{19} //; s/after [0-9]+ s/after 0 s/' <<<"$output")" 'ugly: has not ended
bad: ended with 3 after 0 s
oh dear
good: ended with 0 after 0 s
fine'
  run nightly report
  assert_failure 1
  assert_output ''
}

@test "a job of the night is done even if it can't be reported" {
  mkdir -p "$SPOOL"
  run nightly run good touch it
  assert_success
  assert_output --partial 'chat-send: '
  assert_file_exists it
}

# ---------------------------------------------------------------- over ssh

@test "messages go to another machine over ssh with all that belongs to them" {
  there
  printf '%s\n' one '$(two)' | chat-send -l -r jobs -u alice
  chat-send -r jobs -k key "$(printf 'three\n\377')"
  chat-recv -aj -p -r jobs | sed -E 's/"id":[0-9]+,//' >here
  run forward jobs there
  assert_success
  assert_output ''
  assert_empty_room jobs
  diff here <(chat-recv -s "$THERE" -aj -p -r jobs | sed -E 's/"id":[0-9]+,//')
  # The one line does the same as long as nothing breaks.
  chat-recv -s "$THERE" -q -a -r jobs >/dev/null
  chat-send -r jobs four
  chat-recv -aj -r jobs | ssh there chat-send -J
  assert_equal "$(chat-recv -s "$THERE" -r jobs)" four
}

@test "what did not get through over ssh is kept, and goes with the next run" {
  there
  seq 5 | chat-send -l -r jobs
  # The other side dies after it has read all, and before anything is on its disk.
  run forward jobs there 'cat >/dev/null; kill -KILL $$'
  assert_failure
  chat-send -r jobs 6
  kill "$SSHD"
  wait_until process_ended "$SSHD"
  run forward jobs there
  assert_failure 255
  assert_equal "$(chat-recv -q -p -a -r jobs)" 6
  run --separate-stderr chat-recv -s "$THERE" -r jobs
  assert_equal "$status" 1
  start_sshd
  run forward jobs there
  assert_success
  assert_equal "$(chat-recv -s "$THERE" -a -r jobs)" "$(seq 6)"
}

@test "what of a batch for ssh was cut short by a kill is delivered from the room" {
  # This ssh goes nowhere: it runs its last word here, for a spool over there.
  printf '#!/bin/sh\nfor last; do :; done\nCHAT_SPOOL=%s exec sh -c "$last"\n' "$PWD/there.db" | program ssh
  export PATH="$PWD:$PATH"
  seq 3 | chat-send -l -r jobs
  mkdir -p "$HOME/.local/state/chat/forward"
  { chat-recv -j -r jobs && chat-recv -p -j -r jobs | head -c 40; } >"$HOME/.local/state/chat/forward/jobs@there"
  run forward jobs there
  assert_success
  assert_equal "$(chat-recv -s there.db -a -r jobs)" "$(seq 3)"
}

# ---------------------------------------------------------------- moving here

@test "the jobs that wait in a queue of nq move to a room, and run as they would have there" {
  needs nq
  export NQDIR="$PWD/queue"
  mkdir "it's here"
  nq -q sh -c 'while [ ! -e go ]; do sleep 0.05; done; echo first >>did'
  wait_until nq_runs
  (cd "it's here" && nq -q sh -c 'echo "a  b" >>../did') # with two spaces
  nq -q sh -c "echo it\\'s
echo two lines >>did"
  nq -q true
  wait_until nq_waits 3
  run from-nq jobs
  assert_success
  assert_output ''
  assert_equal "$(chat-recv -q -p -a -o . -r jobs)" ...
  touch go
  wait_until file_has did first
  run chat-recv -a -r jobs -- sh
  assert_success
  assert_output "it's"
  assert_equal "$(cat did)" "first
a  b
two lines"
  run from-nq jobs
  assert_success
  assert_empty_room jobs
}
nq_runs() { compgen -G "$NQDIR/,*" >/dev/null && [[ -x $(echo "$NQDIR"/,*) ]]; }
nq_waits() { # N
  local job waiting=0
  for job in "$NQDIR"/,*; do
    if [[ -s $job && ! -x $job ]] && ! flock -n "$job" true; then waiting=$((waiting + 1)); fi
  done
  ((waiting == $1))
}

# A server of our own, on a socket; "redis-cli" goes to it.
redis() {
  local cli
  needs redis-server redis-cli
  cli=$(command -v redis-cli)
  background redis-server --port 0 --unixsocket "$PWD/redis.sock" --save '' --appendonly no --dir "$PWD" --logfile redis.log
  REDIS=$BACKGROUND_PID
  printf '#!/bin/sh\nexec %s -s %q "$@"\n' "$cli" "$PWD/redis.sock" | program redis-cli
  export PATH="$PWD:$PATH"
  wait_until redis_answers
}
redis_answers() { [[ $(redis-cli PING 2>/dev/null) == PONG ]]; }

@test "a list of Redis moves to a room, byte for byte and in its order" {
  local i
  redis
  for i in 'first job' '' $'two\nlines\n' '$(date)' 日本語; do redis-cli LPUSH jobs "$i"; done >/dev/null
  printf 'a\377b' | redis-cli -x LPUSH jobs >/dev/null
  run from-redis jobs jobs
  assert_success
  assert_output ''
  assert_equal "$(redis-cli EXISTS jobs)" 0
  capture chat-recv -a -0 -r jobs
  assert_bytes stdout 'first job\0\0two\nlines\n\0$(date)\0日本語\0a\377b\0'
  # More than go at a time.
  redis-cli EVAL 'for i = 1, 2500 do redis.call("LPUSH", KEYS[1], i) end' 1 many >/dev/null
  from-redis many many
  assert_equal "$(chat-recv -a -r many | cksum)" "$(seq 2500 | cksum)"
}

@test "a list of Redis stays where it is when the spool can't be written, and when a body holds a NUL byte" {
  redis
  redis-cli LPUSH jobs zero >/dev/null
  run -0 from-redis jobs jobs
  run -0 chat-recv -r jobs
  assert_output zero
  rm -rf "${SPOOL%/*}"
  redis-cli LPUSH jobs one >/dev/null
  mkdir -p "$SPOOL"
  run from-redis jobs jobs
  assert_failure
  assert_equal "$(redis-cli LLEN jobs)" 1
  rmdir "$SPOOL"
  printf 'a\0b' | redis-cli -x LPUSH jobs >/dev/null
  run from-redis jobs jobs
  assert_failure 1
  assert_output --partial 'a body holds a NUL byte'
  assert_equal "$(redis-cli LLEN jobs)" 2
  kill "$REDIS"
  wait_until process_ended "$REDIS"
  run from-redis jobs jobs
  assert_failure 1
}

@test "what is written to a FIFO goes to a room, and waits there for a worker" {
  mkfifo jobs
  background from-fifo jobs jobs
  echo one >./jobs
  printf 'two\nthree\n' >./jobs
  wait_until holds jobs 3
  kill -KILL "$BACKGROUND_PID"
  wait_until process_ended "$BACKGROUND_PID"
  run chat-recv -a -r jobs -- sh -c 'echo "$(cat)"'
  assert_output "one
two
three"
  touch file
  run --separate-stderr from-fifo file jobs
  assert_error 64 "from-fifo: 'file' is no FIFO"
}

# The scripts in examples/ do what their first lines describe, even when something dies in the middle.

# bats file_tags=recipes

# Much here is for inner shells, and a variable that a test exports is for that test.
# shellcheck disable=SC2016,SC2153,SC2030,SC2031

load helper
load ssh

setup() {
  chat_setup
  RECIPES="$REPOSITORY/examples"
  export PATH="$RECIPES:$PATH"
}

# A command of chat-recv has a process group of its own.
teardown() {
  local pid
  [[ ! ${BACKGROUND_PIDS[*]} ]] || for pid in $(still_there); do pkill -KILL -s "$pid" || true; done
  chat_teardown
}

# True once the room has N messages.
holds() { [[ $(chat-recv -q -p -a -o . -r "$1" || [[ $? == 1 ]] || echo failed) == "$(printf '%*s' "$2" '' | tr ' ' .)" ]]; }

# ---------------------------------------------------------------- all of them

@test "each recipe is listed and describes its purpose, its usage and what happens when something dies" {
  local recipe head
  for recipe in "$RECIPES"/*; do
    [[ -x $recipe && ! -d $recipe && $recipe != */demo ]] || continue
    head=$(sed '2,/^[^#]/!d' "$recipe")
    [[ $head == "# ${recipe##*/} - "*$'\n#   '*"${recipe##*/} "*$'\n# What happens when something dies: '* ]] || fail "$head"
    grep -qF "(${recipe##*/})" "$RECIPES/README.md" || fail "not in the list: $recipe"
  done
}

@test "a recipe that is called wrongly prints its usage and exits with 64" {
  local recipe
  for recipe in "$RECIPES"/*; do
    [[ -x $recipe && ! -d $recipe && $recipe != */@(demo|unread) ]] || continue
    capture "$recipe" </dev/null
    assert_error 64 "usage: ${recipe##*/} "
  done
}

# ---------------------------------------------------------------- pool

@test "a pool processes the jobs of a room and moves a job that fails three times to the dead-letter room" {
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

@test "the jobs of a killed pool are available again, with no attempt counted" {
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

# ---------------------------------------------------------------- bot

# said TEXT: the room tea contains this line, "NAME: TEXT".
said() { chat-recv -p -q -a -r tea -o '%u: %b\n' | grep -qxF -- "$1"; }

@test "a bot answers messages that begin with its name, and no others" {
  chat-spool open tea
  background bot tea rev
  chat-send -u alice -r tea 'hello, everyone'
  chat-send -u alice -r tea 'bot: hello'
  wait_until said 'bot: olleh'
  NAME=parrot background bot tea sed 's/^/bot: /'
  chat-send -u alice -r tea 'parrot: again'
  wait_until said 'bot: niaga'
  run -0 chat-recv -p -a -r tea -o '%u: %b\n'
  assert_output 'alice: hello, everyone
alice: bot: hello
bot: olleh
alice: parrot: again
parrot: bot: again
bot: niaga'
}

@test "a bot that runs again answers the messages sent since, and gives a message up after three attempts" {
  chat-spool open tea
  background bot tea rev
  chat-send -u alice -r tea 'bot: one'
  wait_until said 'bot: eno'
  kill "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  chat-send -u alice -r tea 'bot: two'
  chat-send -u alice -r tea 'bot: three'
  background bot tea sh -c 'read -r word; test "$word" != two && echo "$word" | rev' 2>err
  wait_until said 'bot: eerht'
  wait_until holds tea.bot.dead 1
}

# ---------------------------------------------------------------- build-queue

# Create a repository "source" with a commit for each of the given makefile rules for "all".
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

@test "the build queue builds each pushed commit and reports each result" {
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

@test "the next worker restarts a build whose worker died" {
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

@test "a log is shipped line by line, across a rotation" {
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

@test "the room of a log without a receiver keeps the newest lines, and a dead ship-log leaves no tail process" {
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

@test "a rate limiter admits at most N commands within TIME, from all processes together" {
  local -a at
  local pids=() i start
  start=$(date +%s%3N)
  for i in 1 2 3 4 5; do
    background rate-limit mail 2 1s sh -c 'date +%s%3N >>at'
    pids+=("$BACKGROUND_PID")
  done
  for i in "${pids[@]}"; do
    finish "$i"
    assert_success
  done
  mapfile -t at < <(sort -n at)
  assert_equal "${#at[@]}" 5
  # No place is taken before the start, and each two places come back a second after they were taken.
  ((at[2] >= start + 1000 && at[4] >= start + 2000)) || fail "began at ${at[*]}, of $start"
}

@test "a rate limiter passes on the status of its command, and frees its place even if it is killed" {
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

@test "only one of the commands under a mutex runs at a time" {
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

@test "a mutex is free as soon as its holder has died" {
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

@test "a request that is not answered in time exits with 1, and its question is deleted" {
  PATIENCE=0.3 run --separate-stderr request sums 1 + 1
  assert_error 1 "request: no answer from 'sums'"
  wait_until holds sums 0
}

@test "a question is answered by the next process if the first one died" {
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

@test "a prompt shows the number of waiting messages" {
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

@test "the nightly report lists unfinished jobs first, then failed and then successful ones" {
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

@test "a nightly job counts as done even if it cannot be reported" {
  mkdir -p "$SPOOL"
  run nightly run good touch it
  assert_success
  assert_output --partial 'chat-send: '
  assert_file_exists it
}

# ---------------------------------------------------------------- later, after, logged and dispatch

@test "a job for later runs with the directory, the umask and the environment of its request" {
  local id
  mkdir "it's here"
  id=$(cd "it's here" && umask 027 && SAID=$'a "b"\n$(c)' later jobs sh -c 'pwd; umask; echo "$SAID" "$1"' - 'two  words')
  SAID=no OTHER=no run -0 chat-recv -r jobs -- env -i sh
  assert_output "$PWD/it's here
0027
a \"b\"
\$(c) two  words"
  run -0 chat-spool wait -i "$id"
  OPTIONS='-k once -d 1h' later jobs true >ids
  OPTIONS='-k once -d 1h' later jobs true >>ids
  assert_equal "$(uniq ids | wc -l)" 1
}

@test "a job after other jobs runs when they are deleted, and not if one of them was given up" {
  local first second
  first=$(chat-send -i -r jobs one)
  second=$(chat-send -i -r jobs two)
  background after "$first $second" touch ran
  chat-recv -r jobs >/dev/null
  assert_file_not_exist ran
  chat-recv -r jobs >/dev/null
  finish "$BACKGROUND_PID"
  assert_success
  assert_file_exists ran
  first=$(chat-send -i -r jobs three)
  background after "$first" touch again
  run -123 chat-recv -r jobs -- sh -c 'exit 100'
  finish "$BACKGROUND_PID"
  assert_equal "$status" 123
  assert_file_not_exist again
}

@test "each attempt of a job has its own log, from its first line to its end" {
  local id
  mkdir logs
  id=$(chat-send -i -r jobs job)
  run -123 --separate-stderr chat-recv -r jobs -- logged logs sh -c 'cat; echo; echo oh >&2; exit 3'
  assert_output ''
  run -0 --separate-stderr chat-recv -r jobs -- logged logs cat
  assert_equal "$(sed 's/,.*//' "logs/$id.1.log")" $'job\noh\nended with 3'
  assert_equal "$(sed 's/,.*//' "logs/$id.2.log")" 'jobended with 0'
}

@test "a message goes to the program that its key names, and is given up if there is no such program" {
  local key
  mkdir programs
  printf '#!/bin/sh\necho "mail $CHAT_KEY: $(cat)"\n' | program programs/mail
  printf '#!/bin/sh\necho out of the directory\n' | program evil
  chat-send -r jobs -k mail:alice Hello
  chat-send -r jobs -k mail:alice Hello
  run -0 chat-recv -a -r jobs -- dispatch programs
  assert_output 'mail mail:alice: Hello'
  for key in index:1 ../evil . :x; do chat-send -r jobs -k "$key" "$key"; done
  chat-send -r jobs none
  run -123 --separate-stderr chat-recv -a -r jobs -- dispatch programs
  assert_output ''
  assert_empty_room jobs
  holds jobs.dead 5
}

# ---------------------------------------------------------------- metrics and checks

@test "the metrics have one line per room and figure, in the format of collectors" {
  chat-send -r jobs one
  chat-send -r 'a "b" \c' 'two words'
  chat-send -r bad x
  run -123 chat-recv -r bad --tries 1 -- false
  metrics here.prom jobs 'a "b" \c' bad empty
  run cat here.prom
  assert_line 'chat_messages{room="jobs"} 1'
  assert_line 'chat_messages{room="a \"b\" \\c"} 1'
  assert_line 'chat_bytes{room="a \"b\" \\c"} 9'
  assert_line 'chat_messages{room="empty"} 0'
  assert_line 'chat_dead_messages{room="bad"} 1'
  assert_line --regexp '^chat_oldest_timestamp_seconds\{room="jobs"\} [0-9]{10}$'
  refute_line --partial 'chat_oldest_timestamp_seconds{room="empty"}'
  assert_equal "${lines[-1]}" '# EOF'
  run grep -vE '^(# (TYPE chat_[a-z_]+ gauge|HELP chat_[a-z_]+ .*|EOF)|chat_[a-z_]+\{room="([^"\\]|\\.)*"\} [0-9]+)$' here.prom
  assert_output ''
  assert_equal "$(stat -c %a here.prom)" 644
  # If the spool cannot be read, the file does not change.
  run metrics here.prom -s redis://x
  assert_failure
  assert_equal "$(ls here.prom*)" here.prom
  assert_equal "$(tail -n 1 here.prom)" '# EOF'
}

@test "check-room reports OK, WARNING or CRITICAL by depth, age and dead messages" {
  run -0 check-room jobs 2 3 60
  assert_output "OK - room 'jobs': 0 messages, the oldest waits for 0 s, 0 dead | depth=0;2;3 age=0s;;60 dead=0;1"
  seq 2 | chat-send -l -r jobs
  run -1 check-room jobs 2 3 60
  assert_output --regexp "^WARNING - room 'jobs': 2 messages, .* \| depth=2;2;3 age=[0-9]+s;;60 dead=0;1$"
  run -2 check-room jobs 1 2 60
  run -2 check-room jobs 9 9 0
  run -0 check-room jobs 9 9 600
  run -123 chat-recv -r jobs --tries 1 -- false
  run -1 check-room jobs 9 9 600
  assert_output --partial '1 dead'
  chat-spool delete -y -q jobs.dead
  run -0 check-room jobs 9 9 600
  CHAT_SPOOL=redis://x run -3 check-room jobs 9 9 600
  assert_output --regexp '^UNKNOWN - '
}

# There may be no container here, so the image's commands run by themselves.
@test "the container's program works, its health check is right, and its volume contains the spool" {
  local file="$RECIPES/Containerfile" healthy path
  path=$(sed -n 's/^ENV CHAT_SPOOL=//p' "$file")
  assert_equal "$(sed -n 's/^VOLUME //p' "$file")" "${path%/*}"
  mkdir -m 700 volume
  export CHAT_SPOOL=$PWD/volume/spool.db
  healthy=$(sed -n 's/^HEALTHCHECK .* CMD //p' "$file")
  mapfile -t command < <(sed -n 's/^CMD //p' "$file" | jq -r '.[]')
  run -0 sh -c "$healthy"
  background "${command[@]}"
  chat-send -r jobs 'touch "$HOME/did"'
  wait_until test -e "$HOME/did"
  chat-send -r jobs 'exit 100'
  wait_until holds jobs.dead 1
  run -0 sh -c "$healthy"
  kill -TERM "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  assert_success
  yes | head -n 1000 | chat-send -l -r jobs
  run sh -c "$healthy"
  assert_failure
}

# ---------------------------------------------------------------- sealed

@test "only the receiver can read a sealed message, and a message that cannot be opened is given up" {
  needs age age-keygen
  local mine other
  age-keygen -o mine 2>/dev/null
  age-keygen -o other 2>/dev/null
  mine=$(age-keygen -y mine) other=$(age-keygen -y other)
  printf 'a secret\0\n' | sealed send "$mine" letters
  chat-recv -p -n -r letters >seen
  run -1 grep -a secret seen
  printf 'not for me' | sealed send "$other" letters
  run sealed send nobody letters <seen
  assert_failure
  background sealed recv mine letters sh -c 'cat >>got' 2>/dev/null
  wait_until holds letters.dead 1
  wait_until holds letters 0
  kill "$BACKGROUND_PID"
  finish "$BACKGROUND_PID"
  assert_equal "$(od -An -c got | tr -d ' ')" 'asecret\0\n'
}

# ---------------------------------------------------------------- Python

@test "Python sends and receives through the library, and a message stays if its work raises an exception" {
  needs python3
  local library="$CHAT_BIN/../build/public"
  library=$(compgen -G "$library/libchatspool.so.*" | head -n 1) || skip 'no shared library beside the programs'
  export LIBCHATSPOOL=$library PYTHONPATH=$RECIPES PYTHONDONTWRITEBYTECODE=1
  ldd "$library" >/dev/null || skip 'the library cannot be loaded'
  cat >program.py <<'END'
import sys
from chatspool import Error, Spool
with Spool(sys.argv[1]) as spool:
    spool.send(b"from\0Python\xff", room="jobs", key="k")
    again = spool.send(b"no", room="jobs", key="k")
    assert again == 1, again
    try:
        for message in spool.receive(room="jobs"):
            raise ValueError
    except ValueError:
        pass
    (message,) = spool.receive(room="jobs", timeout=0.05)
    assert (message.body, message.key, message.room, message.id) == (b"from\0Python\xff", "k", "jobs", 1), message
    try:
        spool.send(b"", room="-b")
    except Error as error:
        print(error)
    spool.send(b"to the shell", user="ada")
END
  run -0 python3 program.py "$SPOOL"
  assert_output --partial "'-b'"
  assert_equal "$(chat-recv -o '%u: %b')" 'ada: to the shell'
  printf 'a\0b' | chat-send -r bytes
  capture python3 "$RECIPES/chatspool.py" "$SPOOL" bytes
  assert_bytes stdout 'a\0b\n'
}

# ---------------------------------------------------------------- over ssh

@test "messages reach another machine over ssh with all their fields" {
  there
  printf '%s\n' one '$(two)' | chat-send -l -r jobs -u alice
  chat-send -r jobs -k key "$(printf 'three\n\377')"
  chat-recv -aj -p -r jobs | sed -E 's/"id":[0-9]+,//' >here
  run forward jobs there
  assert_success
  assert_output ''
  assert_empty_room jobs
  diff here <(chat-recv -s "$THERE" -aj -p -r jobs | sed -E 's/"id":[0-9]+,//')
  # The one-line version does the same as long as nothing breaks.
  chat-recv -s "$THERE" -q -a -r jobs >/dev/null
  chat-send -r jobs four
  chat-recv -aj -r jobs | ssh there chat-send -J
  assert_equal "$(chat-recv -s "$THERE" -r jobs)" four
}

@test "messages that did not get through over ssh are kept, and sent by the next run" {
  there
  seq 5 | chat-send -l -r jobs
  # The other machine dies after it has read everything, and before anything is on its disk.
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

@test "messages of a batch for ssh that a kill interrupted are delivered from the room" {
  # This ssh runs its last argument here, with another spool.
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

@test "the waiting jobs of an nq queue move to a room, and run there as before" {
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

@test "the waiting jobs of task-spooler move to a room, with their arguments and directories" {
  needs tsp
  export TS_SOCKET=$PWD/tsp.sock TMPDIR=$PWD
  mkdir "it's here"
  tsp sh -c 'for i in $(seq 600); do [ -e go ] || sleep 0.05; done; echo first >>did' 3>&-
  (cd "it's here" && tsp sh -c 'echo "a  b" >>../did' 3>&-) # with two spaces
  tsp sh -c 'echo "two
lines" >>did' 3>&-
  run -0 from-tsp jobs
  assert_output ''
  holds jobs 2
  touch go
  wait_until file_has did first
  tsp -K
  run -0 chat-recv -a -r jobs -- sh
  assert_equal "$(cat did)" 'first
a  b
two
lines'
}

# A separate server, on a socket; "redis-cli" connects to it.
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

@test "a Redis list moves to a room, byte for byte and in order" {
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
  # More messages than move at a time.
  redis-cli EVAL 'for i = 1, 2500 do redis.call("LPUSH", KEYS[1], i) end' 1 many >/dev/null
  from-redis many many
  assert_equal "$(chat-recv -a -r many | cksum)" "$(seq 2500 | cksum)"
}

@test "a Redis list stays if the spool cannot be written or a body contains a NUL byte" {
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

@test "lines written to a FIFO go to a room and wait there for a worker" {
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

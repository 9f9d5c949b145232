# The manual and the README are true: every example in them is run. tests/options.bats checks their options.

# bats file_tags=manual

load helper

EXAMPLES="$BATS_TEST_DIRNAME/examples"

# All examples of FILE print the output shown there.
assert_examples() {
  run "$EXAMPLES" run "$REPOSITORY/$1"
  assert_success
  assert_output ''
}

# ---------------------------------------------------------------- the examples

@test "every example in the README prints the output shown" {
  assert_examples README.md
}

@test "every example among the recipes prints the output shown" {
  assert_examples examples/README.md
}

@test "every example in chat-send(1) prints the output shown" {
  assert_examples man/chat-send.1
}

@test "every example in chat-recv(1) prints the output shown" {
  assert_examples man/chat-recv.1
}

@test "every example in chat-talk(1) prints the output shown" {
  assert_examples man/chat-talk.1
}

@test "every example in chat-spool(1) prints the output shown" {
  assert_examples man/chat-spool.1
}

@test "every example in chatspool(7) prints the output shown" {
  assert_examples man/chatspool.7
}

@test "every example in the README and the manual has a form that a test can run" {
  local page
  for page in README.md examples/README.md man/chat-send.1 man/chat-recv.1 man/chat-talk.1 man/chat-spool.1 man/chatspool.7; do
    run "$EXAMPLES" list "$REPOSITORY/$page"
    assert_success
    assert_line --regexp '^block console '
    # "sh" blocks contain commands of make, see below.
    run awk '/^block / && $2 !~ /^(console|crontab|sh)$/' <<<"$output"
    assert_output ''
  done
}

@test "an example that prints something else than the output shown is found" {
  printf '%s\n' '```console' '$ chat-send hello' '$ chat-recv' 'hullo' '```' >wrong.md
  run "$EXAMPLES" run wrong.md
  assert_failure 1
  assert_line '-hullo'
  assert_line '+hello'
}

@test "an example that runs forever can be interrupted where interrupts are ignored" {
  printf '%s\n' '```console' '$ chat-recv -F' 'hello' '^C' '```' '```console' '$ chat-send hello' '```' >forever.md
  run env --ignore-signal=INT,QUIT,HUP "$EXAMPLES" run forever.md
  assert_success
  assert_output ''
}

@test "an example that should run forever but ends is found" {
  printf '%s\n' '```console' '$ chat-send hello; chat-recv' 'hello' '^C' '```' '```console' '$ true' '```' >wrong.md
  WAIT_LIMIT=1 run "$EXAMPLES" run wrong.md
  assert_failure 1
  assert_line 'wrong.md:1: ended by itself'
}

# Two programs that report something, with the names in the crontabs.
nightly_jobs() {
  mkdir "$HOME/bin"
  printf '#!/bin/sh\necho "backup: 3 files"\necho "100%% done" >&2\n' >"$HOME/bin/backup"
  printf '#!/bin/sh\necho "nothing to tidy up"\n' >"$HOME/bin/tidy-up"
  chmod +x "$HOME/bin/backup" "$HOME/bin/tidy-up"
}

@test "the README's crontab mails in the morning the reports of the nightly jobs" {
  nightly_jobs
  run "$EXAMPLES" cron "$REPOSITORY/README.md"
  assert_success
  assert_line --index 0 --regexp '^[0-9-]{10} [0-9:]{8} backup: backup: 3 files$'
  assert_line --index 1 --regexp '^[0-9-]{10} [0-9:]{8} backup: 100% done$'
  assert_line --index 2 --regexp '^[0-9-]{10} [0-9:]{8} tidy-up: nothing to tidy up$'
  assert_equal "${#lines[@]}" 3
}

@test "the crontab in chatspool(7) mails in the morning the reports of the nightly jobs" {
  local me
  me=$(id -un)
  nightly_jobs
  run "$EXAMPLES" cron "$REPOSITORY/man/chatspool.7"
  assert_success
  assert_output "$me: backup: 3 files
$me: 100% done
$me: nothing to tidy up"
}

@test "the crontabs mail nothing if nothing was reported" {
  local page
  nightly_jobs
  # The control: reports are mailed.
  run -0 "$EXAMPLES" cron "$REPOSITORY/README.md"
  assert_output --partial '3 files'
  printf '#!/bin/sh\n' | tee "$HOME/bin/backup" >"$HOME/bin/tidy-up"
  for page in README.md man/chatspool.7; do
    run -0 "$EXAMPLES" cron "$REPOSITORY/$page"
    assert_output ''
  done
}

@test "the README's crontab tries a job once a night, and mails a dead job after the third attempt" {
  local night
  nightly_jobs
  cat >"$HOME/bin/job" <<'END'
#!/bin/sh
job=$(cat)
[ "$job" != bad ] && echo "$job" >>"$HOME/done"
END
  chmod +x "$HOME/bin/job"
  printf '%s\n' first bad last | chat-send -l -r jobs -u alice
  for night in 1 2; do
    run "$EXAMPLES" cron "$REPOSITORY/README.md"
    refute_output --partial bad
    run chat-recv -a -p -r jobs -o '%n %b\n'
    assert_output "$night bad"
  done
  run "$EXAMPLES" cron "$REPOSITORY/README.md"
  assert_line --regexp '^[0-9]+, 3 attempts, from alice: bad$'
  assert_equal "$(sort "$HOME/done")" "$(printf '%s\n' first last)"
  assert_empty_room jobs
}

@test "the README's cron job queues at most one request" {
  nightly_jobs
  for _ in 1 2 3; do "$EXAMPLES" cron "$REPOSITORY/README.md"; done
  run chat-recv -a -r chores
  assert_output sync
  "$EXAMPLES" cron "$REPOSITORY/README.md"
  run chat-recv -a -r chores
  assert_output sync
}

# ---------------------------------------------------------------- the README

@test "the README begins with the two commands for a new machine" {
  run head -n 10 "$REPOSITORY/README.md"
  assert_line --regexp '^ *\./bootstrap demo( |$)'
  assert_line --regexp '^ *\./bootstrap check( |$)'
  assert_line "    export PATH=\"\$PWD/bin:\$PATH\""
  assert_file_executable "$REPOSITORY/bootstrap"
}

@test "the README has at most 200 lines" {
  (($(wc -l <"$REPOSITORY/README.md") <= 200))
}

@test "the first example is on the README's first screen" {
  run head -n 24 "$REPOSITORY/README.md"
  assert_output --partial "\$ chat-send 'Hello, world!'
\$ chat-send 'How are you?'
\$ chat-recv
Hello, world!
\$ chat-recv
How are you?
\$ chat-recv
chat-recv: No new messages"
}

# bats test_tags=full
@test "make knows every target that docs/install.md names" {
  full_dose 'starts make many times'
  local commands command
  commands=$("$EXAMPLES" list "$REPOSITORY/docs/install.md" | awk '/^block/ { on = $2 == "sh"; next } on { print substr($0, 3) }')
  [[ -n $commands ]]
  while read -r command; do
    [[ $command == make* ]] || fail "not a command of make: $command"
    # shellcheck disable=SC2086  # words are meant
    run make -n -C "$REPOSITORY" ${command#make}
    assert_success
  done <<<"$commands"
}

# ---------------------------------------------------------------- the manual pages

@test "mandoc finds no mistake in the manual pages" {
  cd "$REPOSITORY/man"
  # In this directory mandoc finds the pages that refer to each other.
  run mandoc -T lint ./*.[1-9]
  assert_success
  assert_output ''
}

@test "chatspool(7) lists every exit status in the pages of the programs" {
  exit_statuses() { sed -n '/^\.Sh EXIT STATUS/,/^\.Sh [^E]/s/^\.It \([0-9][0-9]*\)$/\1/p' "$@" | sort -un; }
  run comm -13 <(exit_statuses "$REPOSITORY/man/chatspool.7" | sort) <(exit_statuses "$REPOSITORY"/man/chat-{send,recv,spool,talk}.1 | sort)
  assert_output ''
  # The control: there are some to compare.
  (($(exit_statuses "$REPOSITORY"/man/chat-{send,recv,spool,talk}.1 | wc -l) > 8))
}

# Print the text of a line of a manual page, without escapes.
plain() { sed 's/\\-/-/g; s/\\(dq/"/g; s/\\(aq/'\''/g; s/\\e/\\/g; s/\\&//g'; }

# Print the lines of a section ".Ss NAME..." of a page.
section() { # PAGE NAME
  awk -v name="$2" '/^\.S[sh] / { on = index(substr($0, 5), name) == 1 } on' "$REPOSITORY/man/$1"
}

@test "the dead-letter commands in chatspool(7) do what the page describes" {
  local -a command
  mapfile -t command < <(section chatspool.7 'Commands: retry' | sed -n 's/^\.Dl //p' | plain)
  assert_equal "${#command[@]}" 4
  printf '%s\n' one two three | chat-send -l -r jobs -u alice -k task
  printf '%s\n' two three | chat-send -l -r jobs -u alice
  chat-recv -q -a --tries 1 -r jobs -- false || assert_equal $? 123
  printf '#!/bin/sh\nsed "s/^/did /"\n' >"$PWD/command" && chmod +x "$PWD/command"
  run -0 sh -c "${command[0]}" # look
  assert_line --index 1 --regexp '^ *1 +waiting .* alice@.* 1 +one$'
  assert_line --index 3 --regexp '^ *3 +waiting .* alice@.* 1 +three$'
  run sh -c "${command[1]}" # retry
  assert_success
  assert_empty_room jobs.dead
  run chat-recv -a -p -r jobs -o '%i %n %u %k %b\n'
  assert_output "1 0 alice task one
2 0 alice  two
3 0 alice  three"
  chat-recv -q -a --tries 1 -r jobs -- false || assert_equal $? 123
  run env PATH="$PWD:$PATH" sh -c "${command[3]}" # do one
  assert_output 'did one'
  run sh -c "${command[2]}" # throw away
  assert_success
  assert_empty_room jobs.dead
}

@test "the lock that chat-recv(1) recommends keeps a second command from a message" {
  local advice first
  advice=$(section chat-recv.1 Commands | sed -n 's/^\.Dl \(chat-recv .*flock\)/\1/p' | plain)
  [[ -n $advice ]]
  advice="PATH=\"$PWD:\$PATH\"; $advice"
  printf '#!/bin/sh\necho >>began\nwhile [ ! -e end ]; do sleep 0.05; done\n' >work && chmod +x work
  chat-send task
  background sh -c "${advice/chat-recv/exec chat-recv}"
  first=$BACKGROUND_PID
  wait_until test -e began
  kill -KILL "$first"
  wait_until process_ended "$first"
  capture sh -c "$advice"
  assert_equal "$status" 75
  touch end
  assert_equal "$(wc -l <began)" 1
  assert_equal "$(chat-recv -p -o '%n')" 0
}

@test "chatspool(7) names the fields of the JSON form in the order in which they are printed" {
  local documented seen
  documented=$(section chatspool.7 'The JSON form' | sed -n 's/^\.It Li //p' | grep -v body_base64)
  chat-send Hello
  seen=$(chat-recv -p -j | grep -oE '[{,]"[a-z_0-9]+":' | tr -d '{,":')
  assert_equal "$seen" "$documented"
  chat-send -r bytes "$(printf '\377')"
  run chat-recv -j -r bytes
  assert_output --partial '"body_base64":"/w=="}'
}

@test "chat-send accepts all forms of a time that chat-send(1) shows" {
  local times time
  mapfile -t times < <(section chat-send.1 Times | sed -n 's/^\.It Li //p')
  assert_equal "${#times[@]}" 10
  for time in "${times[@]}"; do
    chat-send -d "$time" -x "$time" hello || fail "-d '$time'"
  done
  # The control: other forms are refused.
  run -64 chat-send -d 'in a moment' hello
}

@test "chatspool(7) names every file beside a spool" {
  local path name
  chat-send -m 2 first
  chat-recv -t 0.01 -r nothing || true
  chat-send -m 1 -t 0.01 second || true
  run section chatspool.7 FILES
  for path in "${SPOOL%/*}"/*; do
    name=${path##*/}
    if [[ -d $path ]]; then name+=/; fi
    assert_line ".It Pa $name"
  done
  assert_dir_exists "$SPOOL-gone"
}

# Functions that the files of this directory share. Load this file with `load torture`.
#
# TORTURE is the dose. Without it (make check) each test takes a sample; TORTURE=1 is the dose of make torture, and
# TORTURE=n is n times that. Every random choice comes from $SEED, which a failure prints: the same SEED makes the same
# choices again. The sample is the same in each run, so that make check fails only because of a change.
#
# Each file proves that its faults do harm: a control, a program without the promised properties, must fail.
#
# shellcheck shell=bash
# Much of this is for the tests.
# shellcheck disable=SC2016,SC2034,SC2153,SC2154

load ../helper

((${TORTURE:-0})) || : "${SEED:=1}"
: "${SEED:=$((SRANDOM & 0x7fffffff))}"
FAULTS=${CHAT_FAULTS:-$REPOSITORY/build/fault}

# make torture and make check build the fault injectors; for a single file they are built here.
setup_file() {
  [[ -x $FAULTS/trial && -x $FAULTS/impatient/chat-spool ]] || make -s -C "$REPOSITORY" faults
}

setup() { torture_setup; }

torture_setup() {
  chat_setup
  RANDOM=$SEED
  declare -gA SUM=() STATUS=()
  : >in
}

# disk_setup: as torture_setup, for tests that trace and that create a disk (../disk.bash).
disk_setup() {
  torture_setup
  needs_strace
  POWER=$FAULTS/power
  DISK='' THIN=''
}

# dose [FEW] SAMPLE FULL: print the number of repetitions: SAMPLE without TORTURE, otherwise TORTURE times FULL. A test with
# the tag "full" may do FEW without DOSE=full.
dose() {
  if ((${TORTURE:-0})); then
    echo $((TORTURE * ${!#}))
  elif [[ ${DOSE:-} == full ]]; then
    echo "${*: -2:1}"
  else
    echo "$1"
  fi
}

# tell TEXT: print a line of the report, as a comment of TAP.
tell() { echo "# $*" >&3; }

can_inject() {
  ! sanitized || skip 'a sanitized program makes too many system calls'
  [[ -x $FAULTS/trial ]] || skip 'needs a C compiler'
}

needs_strace() {
  can_inject
  command -v strace >/dev/null || skip 'needs strace'
}

# sample COUNT WORD ...: store COUNT of the words, chosen at random, or all of them, in $SAMPLE, in their order.
sample() {
  local wanted=$1 left word
  shift
  left=$#
  SAMPLE=()
  for word; do
    ((RANDOM % left < wanted)) && SAMPLE+=("$word") && wanted=$((wanted - 1))
    left=$((left - 1))
  done
  return 0
}

# ---------------------------------------------------------------- the commands, and the states they may leave

# Each of the commands, by its effect; prepare creates a spool on which it runs.
SENDERS=(send send-first send-lines send-many send-atomic send-json send-key send-drop)
RECEIVERS=(receive receive-all receive-count receive-follow receive-peek)
WORKERS=(run run-all run-parallel run-follow run-failing run-dead)
VERBS=(list show move delete check repair dump load backup compact copy config)
# Commands about an open room: see prepare_opened.
OPENED=(seek-back seek-copies seek-end seek-new open-less forget-reader open-send open-trim open-overrun open-drop reader-send
  reader-take reader-all reader-run reader-parallel reader-fail reader-held reader-dead reader-overrun)

# prepare NAME: create the spool for that command and describe the allowed results. Messages are lines "ROOM BODY", in
# the order of a dump: by room, and by place within it.
#   COMMAND   the command's arguments; its standard input is the file "in"
#   LOOK      steps of a trial that look at the result
#   ALL       the messages in the spool before
#   KIND      the messages that may be in the spool after the command:
#     stay      the same
#     add       ALL and the first lines of MORE (with ATOMIC: all or none)
#     become    ALL, or THEN
#     end       ALL, or the end of it from THEN on
#     take      ALL without the delivered messages, which are the lines of the file $GIVEN. If the command was killed
#               or failed, up to TAKEN of these may still be there. After a success, WANT were delivered, in order
#               unless PARALLEL
#     repair    THEN, after another --repair
#   Status 0 means that everything was done.
prepare() {
  if [[ " ${OPENED[*]} " == *" $1 "* ]]; then prepare_opened "$1"; return; fi
  DUMPED=dumped
  ALL=('main one' 'main two' 'main three' 'main four' 'main five')
  MORE=() THEN=() KIND=stay ATOMIC='' GIVEN=main.out TAKEN=1 WANT=1 PARALLEL=''
  LOOK=(run check chat-spool check -q \; run dump chat-spool dump)
  : >in
  case $1 in
    send-first | load) ALL=() ;;
    *) printf '%s\n' one two three four five | chat-send -l ;;
  esac
  case $1 in
    send) KIND=add MORE=('main six') COMMAND=(chat-send six) ;;
    send-first) KIND=add MORE=('main six') COMMAND=(chat-send six) ;;
    send-lines | send-atomic)
      KIND=add MORE=('main six' 'main seven' 'main eight') COMMAND=(chat-send -l)
      printf '%s\n' six seven eight >in
      [[ $1 == send-lines ]] || ATOMIC=1 COMMAND=(chat-send -1 -l)
      ;;
    send-many) # so many that they are inserted together
      KIND=add COMMAND=(chat-send -l)
      seq 40 >in
      mapfile -t MORE < <(seq -f 'main %.0f' 40)
      ;;
    send-json)
      KIND=add MORE=('main six' 'main seven') COMMAND=(chat-send -J)
      printf '{"body":"%s"}\n' six seven >in
      ;;
    send-key) KIND=add MORE=('main six') COMMAND=(chat-send -k key six) ;;
    send-drop)
      KIND=become COMMAND=(chat-send -m 5 --drop six)
      THEN=("${ALL[@]:1}" 'main six')
      ;;
    receive) KIND=take COMMAND=(chat-recv) ;;
    receive-all) KIND=take TAKEN=5 WANT=5 COMMAND=(chat-recv -a) ;;
    receive-count) KIND=take TAKEN=3 WANT=3 COMMAND=(chat-recv -c 3) ;;
    receive-follow) KIND=take TAKEN=5 WANT=5 COMMAND=(chat-recv -F -t 0.01) ;;
    receive-peek) COMMAND=(chat-recv -p -a) ;;
    run) KIND=take GIVEN=given COMMAND=(chat-recv -- sh -c 'echo "$(cat)" >>given') ;;
    run-all) KIND=take GIVEN=given WANT=5 COMMAND=(chat-recv -a -- sh -c 'echo "$(cat)" >>given') ;;
    run-parallel) KIND=take GIVEN=given TAKEN=3 WANT=5 PARALLEL=1 COMMAND=(chat-recv -a -P 3 -- sh -c 'echo "$(cat)" >>given') ;;
    run-follow) KIND=take GIVEN=given WANT=5 COMMAND=(chat-recv -F -t 0.01 -- sh -c 'echo "$(cat)" >>given') ;;
    run-failing) COMMAND=(chat-recv -- false) ;;
    run-dead)
      KIND=become COMMAND=(chat-recv --dead late -- sh -c 'exit 100')
      THEN=('late one' "${ALL[@]:1}")
      ;;
    list) COMMAND=(chat-spool list -j) ;;
    show) COMMAND=(chat-spool show main) ;;
    move)
      KIND=become COMMAND=(chat-spool move main other)
      THEN=("${ALL[@]/main/other}")
      ;;
    delete) KIND=end COMMAND=(chat-spool delete -y main) ;;
    check) COMMAND=(chat-spool check -q) ;;
    repair)
      KIND=repair COMMAND=(chat-spool check --repair)
      damage
      LOOK=(run repaired chat-spool check --repair \; "${LOOK[@]}")
      THEN=('damaged thrEe' 'main one' 'main two' 'main four' 'main five')
      ;;
    dump) COMMAND=(chat-spool dump) ;;
    load)
      KIND=add MORE=('main one' 'main two' 'main three') COMMAND=(chat-spool load)
      printf '{"room":"main","body":"%s"}\n' one two three >in
      ;;
    backup)
      mkdir "$HOME/.local/saved"
      chat-spool backup -q "$HOME/.local/saved/saved.db"
      chat-send -r another x
      chat-recv -r another >/dev/null
      COMMAND=(chat-spool backup -q -y "$HOME/.local/saved/saved.db")
      LOOK+=(\; run saved chat-spool dump -s "$HOME/.local/saved/saved.db")
      ;;
    compact) COMMAND=(chat-spool compact) ;;
    copy)
      COMMAND=(chat-spool copy "$SPOOL" "$HOME/.local/copy/spool.db")
      LOOK+=(\; run saved chat-spool dump -s "$HOME/.local/copy/spool.db")
      ;;
    config) COMMAND=(chat-spool config max-length 1000000) ;;
  esac
  keep_spool
}

# prepare_opened NAME: the same for a command about the open room tea, which holds five messages. Reader bob has read none, carol has
# read two, and dan all but "two", which failed. ALL has a line "NAME MISSED/UNREAD MESSAGES" for the room and each reader, as they are
# before the command, and THEN as they are after it. The trial looks at them in the order of LOOKED: no look changes a later one.
#   share     bob receives messages by the rules of "take", and the other readers do not change: OTHERS
#   overrun   the message that bob works on is copied for him, because the room may not hold it any more (MIDDLE); then it is done.
#             If the receiver is killed before COMMAND sends, nothing claims the message any more: it is missed (MISSED)
prepare_opened() {
  local all='one two three four five' more='four five six seven eight' limits=(-k 0) name
  DUMPED=readers_seen LOOKED=(tea bob carol dan)
  MORE=() THEN=() MIDDLE=() MISSED=() KIND=become ATOMIC='' GIVEN=main.out TAKEN=1 WANT=1 PARALLEL=''
  ALL=("tea - $all" "bob 0/5 $all" 'carol 0/3 three four five' 'dan 0/1 two')
  printf '%s\n' six seven eight >after
  : >in
  case $1 in
    open-trim) limits=(-k 2) ;;
    *-overrun) limits+=(-m 5) ;;
  esac
  chat-spool open "${limits[@]}" tea
  for name in bob carol dan; do chat-spool seek "tea/$name" start; done
  printf '%s\n' one two three four five | chat-send -l -r tea
  chat-recv -q -c 2 -r tea/carol >/dev/null
  chat-recv -q -a -r tea/dan -- sh -c 'test "$(cat)" != two' || [[ $? == 123 ]]
  case $1 in
    seek-back)
      COMMAND=(chat-spool seek tea/carol start)
      THEN=("${ALL[@]:0:2}" "carol 0/5 $all" "${ALL[3]}")
      ;;
    seek-copies)
      COMMAND=(chat-spool seek tea/dan start)
      THEN=("${ALL[@]:0:3}" "dan 0/5 $all")
      ;;
    seek-end)
      COMMAND=(chat-spool seek tea/bob end)
      THEN=('tea - three four five' 'bob 0/0 ' "${ALL[@]:2}")
      ;;
    seek-new)
      COMMAND=(chat-spool seek tea/erin end) LOOKED=(tea erin bob carol dan)
      THEN=("${ALL[0]}" 'erin 0/0 ' "${ALL[@]:1}")
      ALL=("${ALL[0]}" "erin - $all" "${ALL[@]:1}")
      ;;
    open-less)
      COMMAND=(chat-spool open -k 0 -m 2 tea)
      THEN=('tea - four five' 'bob 3/2 four five' 'carol 1/2 four five' "${ALL[3]}")
      ;;
    forget-reader)
      COMMAND=(chat-spool forget -q -y tea/dan) LOOKED=(tea dan bob carol)
      ALL=("${ALL[0]}" "${ALL[3]}" "${ALL[@]:1:2}")
      THEN=("${ALL[0]}" "dan - $all" "${ALL[@]:2}")
      ;;
    open-send)
      COMMAND=(chat-send -r tea six)
      THEN=("tea - $all six" "bob 0/6 $all six" 'carol 0/4 three four five six' 'dan 0/2 two six')
      ;;
    open-trim)
      COMMAND=(chat-send -r tea six)
      for name in bob carol dan; do chat-recv -q -a -r "tea/$name" >/dev/null; done
      ALL=('tea - four five' 'bob 0/0 ' 'carol 0/0 ' 'dan 0/0 ')
      THEN=('tea - five six' 'bob 0/1 six' 'carol 0/1 six' 'dan 0/1 six')
      ;;
    open-overrun)
      COMMAND=(chat-send -1 -l -r tea)
      cp after in
      THEN=("tea - $more" "bob 3/5 $more" "carol 1/5 $more" 'dan 0/4 two six seven eight')
      ;;
    open-drop)
      COMMAND=(chat-send -m 5 --drop -r tea six)
      THEN=("tea - ${all#one } six" "bob 1/5 ${all#one } six" 'carol 0/4 three four five six' 'dan 0/2 two six')
      ;;
    reader-send)
      COMMAND=(chat-send -r tea/bob secret)
      THEN=("${ALL[0]}" "bob 0/6 $all secret" "${ALL[@]:2}")
      ;;
    # Bob then has a copy, and the room may delete the message when the last other reader is past it.
    reader-fail)
      KIND=stay COMMAND=(chat-recv -r tea/bob -- false) LOOKED=(bob carol dan)
      ALL=("${ALL[@]:1}")
      ;;
    reader-held)
      COMMAND=(chat-recv --backoff 1h -r tea/bob -- false) LOOKED=(bob carol dan)
      ALL=("${ALL[@]:1}")
      THEN=("bob 0/5 ${all#one }" "${ALL[@]:1}")
      ;;
    reader-dead)
      COMMAND=(chat-recv --dead late -r tea/bob -- sh -c 'exit 100') LOOKED=(late bob carol dan)
      THEN=('late - one' "bob 0/4 ${all#one }" "${ALL[@]:2}")
      ALL=('late - ' "${ALL[@]:1}")
      ;;
    reader-overrun)
      KIND=overrun COMMAND=(chat-recv -r tea/bob -- sh -c 'echo "$(cat)" >>given; chat-send -1 -l -r tea <after')
      MIDDLE=("tea - $more" "bob 2/6 one $more" "carol 1/5 $more" 'dan 0/4 two six seven eight')
      THEN=("${MIDDLE[0]}" "bob 2/5 $more" "${MIDDLE[@]:2}")
      MISSED=("${MIDDLE[0]}" "bob 3/5 $more" "${MIDDLE[@]:2}")
      ;;
    reader-take) COMMAND=(chat-recv -r tea/bob) ;;
    reader-all) TAKEN=5 WANT=5 COMMAND=(chat-recv -a -r tea/bob) ;;
    reader-run) GIVEN=given WANT=5 COMMAND=(chat-recv -a -r tea/bob -- sh -c 'echo "$(cat)" >>given') ;;
    reader-parallel) # the first is done last
      GIVEN=given TAKEN=3 WANT=5 PARALLEL=1
      COMMAND=(chat-recv -a -P 3 -r tea/bob -- sh -c 'body=$(cat); test "$body" != one || sleep 0.05; echo "$body" >>given')
      ;;
  esac
  if [[ $1 == reader-@(take|all|run|parallel) ]]; then
    KIND=share LOOKED=(bob carol dan) OTHERS=("${ALL[@]:2}")
    ALL=('main one' 'main two' 'main three' 'main four' 'main five')
  fi
  LOOK=(run check chat-spool check -q \; run dump chat-spool readers -j tea)
  for name in "${LOOKED[@]}"; do
    case $name in
      tea | late) LOOK+=(\; run "$name" chat-recv -q -p -a -r "$name") ;;
      *) LOOK+=(\; run "$name" chat-recv -q -a -r "tea/$name") ;;
    esac
  done
  keep_spool
}

# Flip a bit of a body, which only its checksum reveals.
damage() {
  local at
  closed "$SPOOL"
  at=$(grep -obUaF three "$SPOOL" | head -n 1 | cut -d : -f 1)
  printf E | dd of="$SPOOL" bs=1 seek=$((at + 3)) conv=notrunc status=none
}

# ---------------------------------------------------------------- looking at the result

# trial STEP ; ... (tests/fault/trial.c): restore the prepared spool, take these steps, one of which is "main", and look
# at the result. The statuses are in $STATUS, the status of main in $result, and a count in $CALLS.
trial() {
  : >given
  steps renew before "$HOME/.local" \; "$@" \; "${LOOK[@]}"
  result=${STATUS[main]}
}

# steps STEP ; ...: take only these steps.
steps() {
  local name code calls
  "$FAULTS/trial" "$@" >statuses || fail 'no trial'
  while read -r name code calls; do
    STATUS[$name]=$code
    [[ ! $calls ]] || CALLS=$calls
  done <statuses
}

# kept: the messages in the spool and the delivered messages are allowed; otherwise $WHY names the broken rule. Counts
# in SUM: [before] nothing was done yet, [after] everything was done, [doubled] messages that were delivered twice.
kept() {
  WHY='the command ends'
  ((result != 124)) || return
  if [[ -e $SPOOL ]]; then
    WHY='the spool is sound'
    ((STATUS[check] == 0)) || return
    WHY='a dump works'
    ((STATUS[dump] == 0)) && "$DUMPED" dump || return
  else
    WHY='the spool exists'
    STATE=()
    [[ ${#ALL[@]} == 0 ]] || return
  fi
  no_strangers && "kept_$KIND" && kept_elsewhere
}

# dumped STEP: store the messages of that dump in $STATE, without those of the room to which others send in between.
dumped() {
  local line expression='^\{"id":[0-9]+,"room":"([^"]*)".*"body":"(.*)"}$'
  STATE=()
  while IFS= read -r line; do
    [[ ! $line =~ ^\{\"next_id\":[0-9]+\}$ ]] || continue # of a spool without messages
    [[ $line =~ $expression ]] || return
    [[ ${BASH_REMATCH[1]} == meanwhile ]] || STATE+=("${BASH_REMATCH[1]} ${BASH_REMATCH[2]}")
  done <"$1.out"
}

# readers_seen STEP: store the readers that the step has listed, and what each of $LOOKED then received, in $STATE, in the form of ALL.
readers_seen() {
  local line name expression='^\{"reader":"([^"]*)","unread":([0-9]+),.*"missed":([0-9]+),'
  local -A counts=()
  while IFS= read -r line; do
    [[ $line =~ $expression ]] || return
    counts[${BASH_REMATCH[1]}]=${BASH_REMATCH[3]}/${BASH_REMATCH[2]}
  done <"$1.out"
  STATE=()
  for name in "${LOOKED[@]}"; do
    contents "$name.out"
    CONTENTS=${CONTENTS%$'\n'}
    STATE+=("$name ${counts[$name]:--} ${CONTENTS//$'\n'/ }")
  done
}

same() {
  local -n one=$1 two=$2
  [[ "${one[*]@Q}" == "${two[*]@Q}" ]]
}

count() { SUM[$1]=$((${SUM[$1]:-0} + 1)); }

# no_strangers: only the spool's own files are beside it; after a kill also temporary files.
no_strangers() {
  local file
  WHY='no other file is beside the spool'
  for file in "${SPOOL%/*}"/*; do
    case ${file#"$SPOOL"} in
      '' | -wal | -shm | -lock | -reserve | -bell) ;;
      -new | -repair | -gone | -new-wal | -new-shm | -repair-wal | -repair-shm) ((result)) || return ;;
      *) [[ ! -e $file ]] || return ;;
    esac
  done
}

kept_stay() {
  WHY='nothing has changed'
  same STATE ALL && count after
}

kept_become() {
  WHY='the messages are as before or as intended'
  if same STATE THEN; then
    count after
  else
    same STATE ALL || return
    WHY='after status 0 the messages are as intended'
    ((result)) && count before
  fi
}

# The last messages of ALL are still there.
kept_end() {
  local left=("${ALL[@]:${#ALL[@]}-${#STATE[@]}}")
  WHY='the last messages are left'
  ((${#STATE[@]} <= ${#ALL[@]})) && same STATE left || return
  WHY='after status 0 the messages are deleted'
  if ((${#STATE[@]})); then ((result)) && count before; else count after; fi
}

kept_repair() {
  WHY='all messages are there, except the damaged one'
  same STATE THEN && count after
}

kept_add() {
  local added=$((${#STATE[@]} - ${#ALL[@]}))
  local expected=("${ALL[@]}" "${MORE[@]:0:added > 0 ? added : 0}")
  WHY='the old messages and the first of the new ones are there'
  same STATE expected || return
  WHY='after status 0 all messages are there'
  if ((added == ${#MORE[@]})); then
    count after
    return
  fi
  ((result)) || return
  WHY='all or none were sent'
  [[ ! $ATOMIC ]] || ((added == 0)) || return
  count before
}

# Each message was delivered or is still there; both only for messages that may be in progress.
kept_take() {
  local line at=0 doubled=0
  local -A given=()
  complete_lines "$GIVEN"
  WHY='the oldest messages were delivered, in order'
  local oldest=("${ALL[@]:0:${#LINES[@]}}")
  [[ $PARALLEL ]] || same LINES oldest || return
  WHY='each message was delivered once'
  for line in "${LINES[@]}"; do
    [[ ! ${given[$line]:-} ]] || return
    given[$line]=1
  done
  for line in "${ALL[@]}"; do
    if [[ ${STATE[at]:-} == "$line" ]]; then
      at=$((at + 1))
      [[ ! ${given[$line]:-} ]] || doubled=$((doubled + 1))
    else
      WHY="delivered or still there: $line"
      [[ ${given[$line]:-} ]] || return
    fi
    unset "given[$line]"
  done
  WHY='no other message is there'
  ((at == ${#STATE[@]} && ${#given[@]} == 0)) || return
  WHY='after status 0 the messages are delivered and deleted'
  ((result || doubled == 0 && ${#LINES[@]} == WANT)) || return
  WHY="at most $TAKEN messages are delivered again"
  ((doubled <= TAKEN)) || return
  ((doubled == 0)) || count doubled
  if ((${#STATE[@]} == ${#ALL[@]})); then count before; elif ((${#STATE[@]} == ${#ALL[@]} - WANT)); then count after; fi
}

# Bob receives messages as a receiver of a plain room does. The other readers do not change.
kept_share() {
  local others=("${STATE[@]:1}")
  WHY='the other readers have not changed'
  same others OTHERS || return
  complete_lines bob.out
  STATE=("${LINES[@]}")
  kept_take
}

# Nothing has changed; or the message of bob's receiver is only a copy; or it is done.
kept_overrun() {
  WHY='the message in work is still there or was delivered'
  complete_lines given
  if same STATE THEN || { ((result == 137)) && same STATE MISSED; }; then
    [[ ${LINES[*]} == 'main one' ]] && count after
    return
  fi
  same STATE ALL || same STATE MIDDLE || return
  WHY='after status 0 the message is done'
  ((result)) && count before
}

# complete_lines FILE: store its lines as messages of the room main in $LINES. A line that was cut off when its writer
# died is not a message.
complete_lines() {
  LINES=()
  contents "$1"
  CONTENTS=${CONTENTS%"${CONTENTS##*$'\n'}"}
  [[ ! $CONTENTS ]] || mapfile -t LINES <<<"${CONTENTS%$'\n'}"
  LINES=("${LINES[@]/#/main }")
}

# said_in_a_line TEXT: $COMMAND has printed its error, which contains that text, in one line, possibly after a retry and a
# report about COMMAND; and a sender that has stored messages reports how many. With -P the same error may occur again when
# another COMMAND ends, and also another error.
said_in_a_line() {
  local added=$((${#STATE[@]} - ${#ALL[@]}))
  sed -e '/^chat-recv: message [0-9]*: the command succeeded, but the message could not be deleted$/d' \
    -e "/^chat-recv: message [0-9]* in room 'main': attempt [0-9]* failed with status [0-9]*$/d" \
    -e '/; trying again$/d' main.err | uniq >said
  contents said
  ((LINES_OF_IT == 1 || (PARALLEL && LINES_OF_IT == 2))) && [[ $CONTENTS == "${COMMAND[0]}: "*"$1"* ]] || return
  WHY='the error reports how many messages are stored, or may be'
  [[ ${COMMAND[0]} != chat-send || $added == 0 || $CONTENTS == *'may be stored'* || $CONTENTS == *"; $added message"*' stored'* ]]
}

# kept_elsewhere: a backup, made before or now, is complete (both contain the same messages); a copy contains the first
# messages or none.
kept_elsewhere() {
  local first
  case ${COMMAND[*]} in
    *' backup '*)
      WHY='the backup is complete'
      ((STATUS[saved] == 0)) && dumped saved && same STATE ALL
      ;;
    *' copy '*)
      [[ -e $HOME/.local/copy/spool.db ]] || return 0
      WHY='the copy contains the first messages'
      ((STATUS[saved] == 0)) && dumped saved || return
      first=("${ALL[@]:0:${#STATE[@]}}")
      same STATE first || return
      WHY='after status 0 all messages are copied'
      ((result || ${#STATE[@]} == ${#ALL[@]}))
      ;;
  esac
}

# show_trial WHAT: report the rule that was broken, in $WHY.
show_trial() {
  batslib_print_kv_single_or_multi 8 command "${COMMAND[*]}" fault "$1" SEED "$SEED" statuses "$(<statuses)" \
    output "$(head -c 500 main.out)" stderr "$(head -c 500 main.err)" given "$(head -c 500 given)" \
    check "$(head -c 500 check.out check.err)" there "$(head -c 1000 dump.out dump.err)" |
    batslib_decorate "not kept: $WHY" | fail
}

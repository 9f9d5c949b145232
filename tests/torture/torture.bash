# Functions that the files of this directory share. Load it with `load torture`.
#
# TORTURE is the dose. Without it (make check) each test takes a sample; TORTURE=1 is the dose of make torture, TORTURE=n is n
# times that. Every random choice comes from $SEED, which a failure prints: the same SEED makes the same choices again. The
# sample is the same in each run, so that make check fails only for what has changed.
#
# Each file proves that what it injects does harm: a control, something that does not keep the contract, must fail.
#
# shellcheck shell=bash
# Much of this is for the tests.
# shellcheck disable=SC2016,SC2034,SC2153,SC2154

load ../helper

((${TORTURE:-0})) || : "${SEED:=1}"
: "${SEED:=$((SRANDOM & 0x7fffffff))}"
FAULTS=${CHAT_FAULTS:-$REPOSITORY/build/fault}

# make torture and make check build the fault injectors; for a single file, they are built here.
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

# disk_setup: the same for tests that trace, and that make a disk (../disk.bash).
disk_setup() {
  torture_setup
  needs_strace
  POWER=$FAULTS/power
  DISK='' THIN=''
}

# dose SAMPLE FULL: how many, of what is counted: SAMPLE without TORTURE, else TORTURE times FULL.
dose() { echo $((${TORTURE:-0} ? TORTURE * $2 : $1)); }

# tell TEXT: a line of the report, as a comment of TAP.
tell() { echo "# $*" >&3; }

can_inject() {
  ! sanitized || skip 'a sanitized program makes too many system calls'
  [[ -x $FAULTS/trial ]] || skip 'needs a C compiler'
}

needs_strace() {
  can_inject
  command -v strace >/dev/null || skip 'needs strace'
}

# sample COUNT WORD ...: COUNT of the words at random, or all, into $SAMPLE, in their order.
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

# ---------------------------------------------------------------- the commands, and what they may leave behind

# Each of the commands, by what it does; prepare has a spool to run it on.
SENDERS=(send send-first send-lines send-many send-atomic send-json send-key send-drop)
RECEIVERS=(receive receive-all receive-count receive-follow receive-peek)
WORKERS=(run run-all run-parallel run-follow run-failing run-dead)
VERBS=(list show move delete check repair dump load backup compact copy config)

# Of what is in the spool, messages are lines "ROOM BODY", in the order of a dump: by room, and there by place.
# prepare NAME: the spool, and
#   COMMAND   the command's words; its standard input is the file "in"
#   LOOK      steps of a trial that look at what is left
#   ALL       what is in the spool
#   KIND      what may be there after it:
#     stay      the same
#     add       that and the first ones of MORE (with ATOMIC: all or none)
#     become    that, or THEN
#     end       that, or the end of it from THEN on
#     take      that but what was handed over, which is told by the lines of the file $GIVEN; of it may be there
#               still, too, if the command was killed or failed: as many as TAKEN. Done, WANT were handed over;
#               in their order, unless PARALLEL
#     mend      THEN, after another --repair
#   Status 0 says that all was done.
prepare() {
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
      KIND=mend COMMAND=(chat-spool check --repair)
      damage
      LOOK=(run mend chat-spool check --repair \; "${LOOK[@]}")
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

# A bit of a body is flipped, which only its checksum knows.
damage() {
  local at
  closed "$SPOOL"
  at=$(grep -obUaF three "$SPOOL" | head -n 1 | cut -d : -f 1)
  printf E | dd of="$SPOOL" bs=1 seek=$((at + 3)) conv=notrunc status=none
}

# ---------------------------------------------------------------- looking at what is left

# trial STEP ; ... (tests/fault/trial.c): the spool as prepared, these steps, of which one is "main", and a look at what is left.
# The statuses are in $STATUS, and that of main in $result; a count in $CALLS.
trial() {
  local name code calls
  : >given
  "$FAULTS/trial" renew before "$HOME/.local" \; "$@" \; "${LOOK[@]}" >statuses || fail 'no trial'
  while read -r name code calls; do
    STATUS[$name]=$code
    [[ ! $calls ]] || CALLS=$calls
  done <statuses
  result=${STATUS[main]}
}

# kept: the messages in the spool, and the delivered messages, are allowed; $WHY has the difference. Counts in SUM: [before]
# nothing was done yet, [after] all was, [doubled] messages that came twice.
kept() {
  WHY='the command came to an end'
  ((result != 124)) || return
  if [[ -e $SPOOL ]]; then
    WHY='the spool is sound'
    ((STATUS[check] == 0)) || return
    WHY='a dump works'
    ((STATUS[dump] == 0)) && dumped dump || return
  else
    WHY='the spool is there'
    STATE=()
    [[ ${#ALL[@]} == 0 ]] || return
  fi
  no_strangers && "kept_$KIND" && kept_elsewhere
}

# dumped STEP: the messages of that dump, into $STATE, without those of the room that others send to in between.
dumped() {
  local line expression='^\{"id":[0-9]+,"room":"([^"]*)".*"body":"(.*)"}$'
  STATE=()
  while IFS= read -r line; do
    [[ ! $line =~ ^\{\"next_id\":[0-9]+\}$ ]] || continue # of a spool without messages
    [[ $line =~ $expression ]] || return
    [[ ${BASH_REMATCH[1]} == meanwhile ]] || STATE+=("${BASH_REMATCH[1]} ${BASH_REMATCH[2]}")
  done <"$1.out"
}

same() {
  local -n one=$1 two=$2
  [[ "${one[*]@Q}" == "${two[*]@Q}" ]]
}

count() { SUM[$1]=$((${SUM[$1]:-0} + 1)); }

# no_strangers: only the spool's own files are beside it; after a kill those of an unfinished work, too.
no_strangers() {
  local file
  WHY='nothing else lies beside the spool'
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
  WHY='it is as before, or as it should be'
  if same STATE THEN; then
    count after
  else
    same STATE ALL || return
    WHY='status 0 means that it was done'
    ((result)) && count before
  fi
}

# The last of ALL are there.
kept_end() {
  local left=("${ALL[@]:${#ALL[@]}-${#STATE[@]}}")
  WHY='what is left is the end of the messages'
  ((${#STATE[@]} <= ${#ALL[@]})) && same STATE left || return
  WHY='status 0 means that they were deleted'
  if ((${#STATE[@]})); then ((result)) && count before; else count after; fi
}

kept_mend() {
  WHY='all messages are there, the damaged one apart'
  same STATE THEN && count after
}

kept_add() {
  local added=$((${#STATE[@]} - ${#ALL[@]}))
  local expected=("${ALL[@]}" "${MORE[@]:0:added > 0 ? added : 0}")
  WHY='what was there is there, and the first of what was sent'
  same STATE expected || return
  WHY='status 0 means that all were sent'
  if ((added == ${#MORE[@]})); then
    count after
    return
  fi
  ((result)) || return
  WHY='all or none were sent'
  [[ ! $ATOMIC ]] || ((added == 0)) || return
  count before
}

# Each message was delivered or is there, and both only for the number that may be underway.
kept_take() {
  local line at=0 doubled=0
  local -A given=()
  complete_lines "$GIVEN"
  WHY='what was handed over are the oldest, in their order'
  local oldest=("${ALL[@]:0:${#LINES[@]}}")
  [[ $PARALLEL ]] || same LINES oldest || return
  WHY='each was handed over once'
  for line in "${LINES[@]}"; do
    [[ ! ${given[$line]:-} ]] || return
    given[$line]=1
  done
  for line in "${ALL[@]}"; do
    if [[ ${STATE[at]:-} == "$line" ]]; then
      at=$((at + 1))
      [[ ! ${given[$line]:-} ]] || doubled=$((doubled + 1))
    else
      WHY="handed over or still there: $line"
      [[ ${given[$line]:-} ]] || return
    fi
    unset "given[$line]"
  done
  WHY='nothing else is there'
  ((at == ${#STATE[@]} && ${#given[@]} == 0)) || return
  WHY='status 0 means that all were handed over, and deleted'
  ((result || doubled == 0 && ${#LINES[@]} == WANT)) || return
  WHY="not more than $TAKEN can come again"
  ((doubled <= TAKEN)) || return
  ((doubled == 0)) || count doubled
  if ((${#STATE[@]} == ${#ALL[@]})); then count before; elif ((${#STATE[@]} == ${#ALL[@]} - WANT)); then count after; fi
}

# complete_lines FILE: as messages of the room main, into $LINES. A line that the death of its writer has cut off is not a
# message.
complete_lines() {
  LINES=()
  contents "$1"
  CONTENTS=${CONTENTS%"${CONTENTS##*$'\n'}"}
  [[ ! $CONTENTS ]] || mapfile -t LINES <<<"${CONTENTS%$'\n'}"
  LINES=("${LINES[@]/#/main }")
}

# said_in_a_line TEXT: $COMMAND has printed its error, with that text, in one line, for whatever of -P, and after one that it
# tries again; and a sender that has stored messages reports how many.
said_in_a_line() {
  local added=$((${#STATE[@]} - ${#ALL[@]}))
  sed '/^chat-recv: message [0-9]*: the command succeeded, but the message could not be deleted$/d; /; trying again$/d' main.err | uniq >said
  contents said
  ((LINES_OF_IT == 1)) && [[ $CONTENTS == "${COMMAND[0]}: "*"$1"* ]] || return
  WHY='an error means that none is stored, or says that they may be, or how many are'
  [[ ${COMMAND[0]} != chat-send || $added == 0 || $CONTENTS == *'may be stored'* || $CONTENTS == *"; $added message"*' stored'* ]]
}

# kept_elsewhere: a backup, of before or of now, is whole (both hold the same messages); a copy is the first messages, or none.
kept_elsewhere() {
  local first
  case ${COMMAND[*]} in
    *' backup '*)
      WHY='the backup is whole'
      ((STATUS[saved] == 0)) && dumped saved && same STATE ALL
      ;;
    *' copy '*)
      [[ -e $HOME/.local/copy/spool.db ]] || return 0
      WHY='the copy is the first messages'
      ((STATUS[saved] == 0)) && dumped saved || return
      first=("${ALL[@]:0:${#STATE[@]}}")
      same STATE first || return
      WHY='status 0 means that all were copied'
      ((result || ${#STATE[@]} == ${#ALL[@]}))
      ;;
  esac
}

# show_trial WHAT: what went wrong, as $WHY says.
show_trial() {
  batslib_print_kv_single_or_multi 8 command "${COMMAND[*]}" fault "$1" SEED "$SEED" statuses "$(<statuses)" \
    output "$(head -c 500 main.out)" stderr "$(head -c 500 main.err)" given "$(head -c 500 given)" \
    check "$(head -c 500 check.out check.err)" there "$(head -c 1000 dump.out dump.err)" |
    batslib_decorate "not kept: $WHY" | fail
}

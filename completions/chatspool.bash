# Completion in bash for chat-send, chat-recv, chat-talk and chat-spool. It is installed under the name of each, and
# needs only bash 4.4 or newer. tests/options.bats compares the options with those of the programs.
# shellcheck shell=bash

# Set $table to the options of a program, or of a command of chat-spool: the short form, the long form and the argument's name,
# one option per line; "-" without an argument.
_chatspool_table() {
  local spool='-s --spool WHERE
' help='-h --help -
- --version -'
  case $1 in
  chat-send) table=$spool'-r --room ROOM
-f --file FILE
-l --lines -
-0 --null -
-J --json -
-1 --atomic -
-u --user NAME
-i --print-id -
-q --quiet -
-d --delay TIME
-x --expire TIME
-k --key KEY
-m --max N
-w --wait -
-t --timeout TIME
- --drop -
- --new -
- --replace -
' ;;
  chat-recv) table=$spool'-r --room ROOM
-w --wait -
-t --timeout TIME
-c --count N
-a --all -
-F --follow -
-p --peek -
-n --no-newline -
-0 --null -
-o --format FMT
-j --json -
-v --verbose -
-q --quiet -
- --raw -
-P --parallel N
-b --batch N
- --tries N
- --dead ROOM
- --backoff TIME
' ;;
  chat-talk) table=$spool'-b --bell -
-q --quiet -
-n --lines N
-u --user NAME
- --plain -
' ;;
  list) table=$spool'-j --json -
-1 --names -
-w --watch -
' ;;
  show | peek) table=$spool'-j --json -
-i --id ID
-c --count N
' ;;
  wait) table=$spool'-i --id ID
-t --timeout TIME
' ;;
  requeue) table=$spool'-q --quiet -
' ;;
  move) table=$spool'-i --id ID
- --first -
-q --quiet -
' ;;
  delete) table=$spool'-i --id ID
- --older-than TIME
-y --yes -
-q --quiet -
' ;;
  check) table=$spool'- --repair -
-q --quiet -
' ;;
  backup | restore) table=$spool'-y --yes -
-q --quiet -
' ;;
  dump | load | compact) table=$spool'-q --quiet -
' ;;
  open) table=$spool'-k --keep LIMIT
-m --max LIMIT
' ;;
  readers) table=$spool'-j --json -
-i --id ID
' ;;
  seek) table=$spool'-i --id ID
' ;;
  forget) table=$spool'-y --yes -
-q --quiet -
' ;;
  copy) table='-q --quiet -
' ;;
  init) table=$spool'- --group GROUP
' ;;
  where) table=$spool'-q --quiet -
' ;;
  config | version) table=$spool ;;
  *) table= ;;
  esac
  table+=$help
}

# Store in $words the complete words of the line up to the cursor. COMP_WORDS splits them at "=", ":" and "@"; only the
# text after the last split is replaced, so the text before it goes to $cut.
_chatspool_words() {
  local rest=$COMP_LINE word last='' blank i
  words=() cut=
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    blank=${rest%%[![:blank:]]*}
    rest=${rest#"$blank$word"}
    if [[ $i -gt 0 && -z $blank && ($word == [=:@]* || $last == [=:@]*) ]]; then
      cut=${words[-1]}
      words[-1]+=$word
      [[ $word != [=:@]* ]] || cut=${words[-1]}
    else
      words+=("$word") cut=
    fi
    last=$word
  done
}

# Set $value to the meaning of a word of the line, without running anything: remove quotes and backslashes, and expand a
# leading "~" and "$NAME".
_chatspool_value() {
  local name
  value=$1
  # shellcheck disable=SC2016,SC2088  # as they are on the line
  case $value in
  '~' | '~/'*) value=$HOME${value#'~'} ;;
  '$'[A-Za-z_]* | '"$'[A-Za-z_]* | '${'[A-Za-z_]* | '"${'[A-Za-z_]*)
    [[ $value =~ ^\"?\$\{?([A-Za-z_][A-Za-z_0-9]*)\}?(.*)$ ]]
    name=${BASH_REMATCH[1]}
    value=${!name}${BASH_REMATCH[2]}
    ;;
  esac
  value=${value//[\\\"\']/}
}

# Offer the given words that begin with $current, each after $before. A room may have any name, so it is quoted like the
# typed text, and never passed to compgen, which would expand it.
_chatspool_offer() {
  local quote='' value word
  [[ $current != [\"\']* ]] || quote=${current:0:1}
  _chatspool_value "$current"
  for word; do
    [[ $word == "$value"* ]] || continue
    if [[ -z $quote ]]; then
      printf -v word %q "$word"
    elif [[ $word == *["$quote\\\$\`!"]* ]]; then
      continue
    fi
    word=$before$word
    COMPREPLY+=("${word#"$cut"}")
  done
}

_chatspool_rooms() {
  local -a rooms where=()
  [[ -z $spool ]] || where=(--spool "$spool")
  mapfile -t rooms < <(chat-spool list --names "${where[@]}" 2>/dev/null </dev/null)
  _chatspool_offer "${rooms[@]}"
}

_chatspool_files() {
  local file
  compopt -o filenames 2>/dev/null
  while IFS= read -r file; do
    file=$before$file
    COMPREPLY+=("${file#"$cut"}")
  done < <(compgen -f -- "$current")
}

# Offer the possible values of an argument with that name, as far as they are known.
_chatspool_argument() {
  case $1 in
  ROOM) _chatspool_rooms ;;
  FILE | WHERE) _chatspool_files ;;
  GROUP) mapfile -t COMPREPLY < <(compgen -g -P "$before" -- "$current") ;;
  NAME) mapfile -t COMPREPLY < <(compgen -u -P "$before" -- "$current") ;;
  esac
}

# Set $argument to the name of the argument that the option WORD takes ("-": none), and $option to its long form; both
# are empty if the option is unknown or ambiguous. A long form may be abbreviated.
_chatspool_option() {
  local short long name
  argument='' option=''
  while read -r short long name; do
    if [[ $1 == "$short" || $1 == "$long" ]]; then
      argument=$name option=$long
      return
    elif [[ $1 == --?* && $long == "$1"* ]]; then
      [[ -z $option ]] || { argument='' option='?'; continue; }
      argument=$name option=$long
    fi
  done <<<"$table"
}

# Read WORD as options. If the last one takes an argument, set $wanted to the argument's name. If the argument is
# already in WORD, set $attached to it and $before to the text before it.
_chatspool_take() {
  local word=$1 i
  wanted='' attached='' before=''
  if [[ $word == --*=* ]]; then
    _chatspool_option "${word%%=*}"
    wanted=$argument before=${word%%=*}= attached=${word#*=}
  elif [[ $word == --* ]]; then
    _chatspool_option "$word"
    wanted=$argument
  else
    for ((i = 1; i < ${#word}; i++)); do
      _chatspool_option "-${word:i:1}"
      [[ $argument != - && -n $argument ]] || continue
      wanted=$argument before=${word:0:i+1} attached=${word:i+1}
      break
    done
  fi
  [[ $wanted != - ]] || wanted=
}

# Offer the possible values of the N-th word, from 0 on, after the options.
_chatspool_word() {
  case $context:$1 in
  chat-recv:0) COMPREPLY=(--) ;;
  chat-talk:0 | show:0 | peek:0 | delete:0 | requeue:0 | move:[01] | list:* | wait:* | dump:* | open:0 | readers:0 | seek:0 | forget:0) _chatspool_rooms ;;
  seek:1) _chatspool_offer start end ;;
  backup:0 | restore:0 | load:0 | copy:[01]) _chatspool_files ;;
  help:0) _chatspool_offer "${commands[@]}" ;;
  config:0) _chatspool_offer max-length default-room ;;
  config:1) [[ ${words[-2]} != default-room ]] || _chatspool_rooms ;;
  esac
}

# After the "--" of chat-recv comes another command line.
_chatspool_command() {
  if declare -F _command_offset >/dev/null; then
    _command_offset "$(($1 - ${#words[@]} + COMP_CWORD + 1))"
  elif (($1 == ${#words[@]} - 1)); then
    mapfile -t COMPREPLY < <(compgen -c -- "$current")
  else
    _chatspool_files
  fi
}

_chatspool() {
  local context=${1##*/} table words cut current before='' attached='' wanted='' argument option spool='' value
  local i=1 ended='' count=0 last short long
  local -a commands=(list show peek wait move requeue delete check dump load backup restore compact copy open readers seek forget where config init version help)
  COMPREPLY=()
  _chatspool_words
  last=$((${#words[@]} - 1))
  current=${words[last]}
  if [[ $context == chat-spool ]]; then
    if ((last == 1)); then
      _chatspool_offer "${commands[@]}" -h --help --version
      return
    fi
    context=${words[1]} i=2
  fi
  _chatspool_table "$context"
  for (( ; i < last; i++)); do
    if [[ -n $wanted ]]; then
      attached=${words[i]}
    elif [[ -n $ended || ${words[i]} != -?* ]]; then
      # Options may follow the arguments of a command of chat-spool.
      [[ $context == chat-* ]] && ended=1
      count=$((count + 1))
      continue
    elif [[ ${words[i]} == -- ]]; then
      ended=1
      [[ $context != chat-recv ]] || { _chatspool_command $((i + 1)); return; }
      continue
    else
      _chatspool_take "${words[i]}"
      [[ -n $wanted && -n $attached ]] || continue
    fi
    [[ $option != --spool ]] || { _chatspool_value "$attached" && spool=$value; }
    wanted=
  done
  before=
  if [[ -n $wanted ]]; then
    _chatspool_argument "$wanted"
  elif [[ -n $ended || $current != -* ]]; then
    _chatspool_word "$count"
  else
    _chatspool_take "$current"
    if [[ -n $wanted && -n $before && $current != "$before" || $current == --*= ]]; then
      current=$attached
      _chatspool_argument "$wanted"
      return
    fi
    before=
    while read -r short long _; do
      for option in "$short" "$long"; do
        [[ $option == -?* && $option == "$current"* ]] && COMPREPLY+=("$option")
      done
    done <<<"$table"
  fi
}

complete -F _chatspool chat-send chat-recv chat-talk chat-spool

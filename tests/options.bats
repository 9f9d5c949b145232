#!/usr/bin/env bats
# The options are in five places: the tables of the programs, which --help prints, the manual pages, and the completions
# for bash, zsh and fish. All five must agree. And the completions must work: a program gets the arguments that Tab
# produces. The tests of zsh and fish are skipped if the shell is not installed.
#
# A context is a program, or "chat-spool COMMAND". An option is "-r --room ROOM"; "-" is a missing form.

# Bats runs each test in its own shell; the scripts in single quotes expand later.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

load helper

COMPLETIONS="$BATS_TEST_DIRNAME/../completions"

# ---------------------------------------------------------------- the options in each place

contexts() { printf '%s\n' chat-send chat-recv chat-talk chat-spool && commands_of_help | sed 's/^/chat-spool /'; }

# "show ... (also: peek)" means two commands.
commands_of_help() { chat-spool --help | awk '/^  [a-z]/ { print $1; if ($(NF - 1) == "(also:") print substr($NF, 1, length($NF) - 1) }'; }

# kept NAME COMMAND [ARG ...]: print the output of the command, which runs once for all tests of this file.
kept() {
  local file=$BATS_FILE_TMPDIR/$1
  [[ -e $file ]] || { "${@:2}" >"$file-new" && mv "$file-new" "$file"; }
  cat "$file"
}

options_of_help() { kept "$1.help" read_help "$1"; } # CONTEXT
read_help() {
  # shellcheck disable=SC2086  # a context may be two words
  $1 --help | sed -nE '
    s/^  (-[^-]), (--[a-z-]+) ([A-Z]+)( .*)?$/\1 \2 \3/p; t
    s/^  (-[^-]), (--[a-z-]+)( .*)?$/\1 \2 -/p; t
    s/^      (--[a-z-]+) ([A-Z]+)( .*)?$/- \1 \2/p; t
    s/^      (--[a-z-]+)( .*)?$/- \1 -/p' | sort
}

# Each command of chat-spool has a part of COMMANDS; the description contains the common options.
options_of_page() { # CONTEXT
  local page=$REPOSITORY/man/${1%% *}.1
  case $1 in
  *' '*) awk -v name="${1#* }" '/^\.S[sh] / { on = (" " substr($0, 5) " ") ~ (" " name "( |,)") } on' "$page" ;;
  chat-spool) sed '/^\.Sh COMMANDS/,$d' "$page" ;;
  *) cat "$page" ;;
  esac | sed -nE '
    s/^\.It Fl (.) , Fl (-[a-z-]+) Ar ([A-Z]+)$/-\1 -\2 \3/p; t
    s/^\.It Fl (.) , Fl (-[a-z-]+)$/-\1 -\2 -/p; t
    s/^\.It Fl (-[a-z-]+) Ar ([A-Z]+)$/- -\1 \2/p; t
    s/^\.It Fl (-[a-z-]+)$/- -\1 -/p' | sort
}

# Print the lines of the synopsis that belong to the context.
synopsis_of_page() { # CONTEXT
  sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$REPOSITORY/man/${1%% *}.1" | awk -v context="$1" '
    BEGIN { two = split(context, name, " ") == 2 }
    /^\.Nm/ { on = !two; next }
    two && /^\.Cm/ { on = $2 == (name[2] == "peek" ? "show" : name[2]); next }
    on'
}

# Print the options in it, each in one of its forms.
options_of_synopsis() { # CONTEXT
  synopsis_of_page "$1" | awk '
    {
      for (i = 1; i <= NF; i++) {
        if ($i == "Fl" || $i == ".Fl") on = 1
        else if ($i == "Ar" || $i == ".Ar") on = 0
        else if (on && $i ~ /^-[a-z]/) print "-" $i
        else if (on && $i ~ /^[a-zA-Z0-9]+$/) for (j = 1; j <= length($i); j++) print "-" substr($i, j, 1)
      }
      on = 0
    }' | sort -u
}

options_of_bash() { # CONTEXT
  bash -c '. "$1"; _chatspool_table "$2"; printf %s\\n "$table"' - "$COMPLETIONS/chatspool.bash" "${1##* }" | sort
}

# zsh and fish list the two forms separately: each as "-r ROOM", and for fish "-r yes", because fish does not name the
# argument.
forms() { awk '$1 != "-" { print $1, $3 } $2 != "-" { print $2, $3 }' | sort; }

# Print the arguments that the file passes to _arguments.
forms_of_zsh() { # CONTEXT
  zsh -f -c '
    _arguments() { print -rl -- "$@" }
    service=$2 words=(${3-none})
    if [[ -z $3 ]]; then source $1; else service=none; source $1; _chatspool_spool; fi
  ' - "$COMPLETIONS/_chatspool" "${1%% *}" "$(awk '{ print $2 }' <<<"$1")" |
    sed -nE 's/^(\([^)]*\)|\*)?(-[^]:[+=]+)[+=]?\[[^]]*\](:([A-Z]+):.*)?$/\2 \4/p' | sed 's/ $/ -/' | sort
}

# Print the arguments that the file passes to complete.
completions_of_fish() {
  fish -N -c '
    function complete; string join -- \t $argv; end
    source $argv[1]' "$COMPLETIONS/chatspool.fish"
}

forms_of_fish() { # CONTEXT
  kept fish completions_of_fish | awk -F '\t' -v context="$1" '
    BEGIN { two = split(context, name, " ") == 2 }
    {
      program = condition = short = long = ""; argument = "-"
      for (i = 1; i <= NF; i++) {
        if ($i == "-c") program = $++i
        else if ($i == "-n") condition = " " $++i " "
        else if ($i == "-s") short = $++i
        else if ($i == "-l") long = $++i
        else if ($i == "-d" || $i == "-a") i++
        else if ($i == "-x" || $i == "-r") argument = "yes"
      }
      if (program != name[1] || condition != "" && !(two && index(condition, " " name[2] " "))) next
      if (short != "") print "-" short, argument
      if (long != "") print "--" long, argument
    }' | sort
}

named_or_not() { sed -E 's/ [A-Z]+$/ yes/'; }

# ---------------------------------------------------------------- the places agree

@test "the tests of the options miss nothing in --help that looks like an option" {
  local context
  while read -r context; do
    # shellcheck disable=SC2086
    assert_equal "$(${context} --help | grep -cE '^ +-')" "$(options_of_help "$context" | wc -l)"
    [[ $(options_of_help "$context") == *'- --version -'* ]] || fail "no --version in $context --help"
  done < <(contexts)
  for context in chat-send chat-recv chat-talk; do
    assert_equal "$(grep -c '^\.It Fl' "$REPOSITORY/man/$context.1")" "$(options_of_page "$context" | wc -l)"
  done
  assert_equal "$(grep -c '^\.It Fl' "$REPOSITORY/man/chat-spool.1")" \
    "$(contexts | grep -w chat-spool | grep -v peek | while read -r context; do options_of_page "$context"; done | wc -l)"
}

@test "chat-spool --help, chat-spool(1) and the completions have the same commands" {
  local seen
  seen=$(commands_of_help | sort)
  [[ $seen == *list* && $seen == *version* ]]
  assert_equal "$(sed -n '/^\.Sh COMMANDS/,/^\.Sh SPOOLS/s/^\.Ss //p' "$REPOSITORY/man/chat-spool.1" | tr -d ' ' | tr , '\n' |
    sort)" "$seen"
  tab_words 'chat-spool '
  assert_equal "$(printf '%s\n' "${COMPREPLY[@]}" | grep -v '^-' | sort)" "$seen"
  if command -v zsh >/dev/null; then
    assert_equal "$(zsh -f -c '_describe() { print -rl -- "${(@P)2%%:*}" }; service=none; source $1; _chatspool_commands' - \
      "$COMPLETIONS/_chatspool" | sort)" "$seen"
  fi
  if command -v fish >/dev/null; then
    assert_equal "$(tab_fish 'chat-spool ' | sort)" "$seen"
  fi
}

@test "the manual pages have the options of --help, with the same arguments" {
  local context common
  common=$(options_of_page chat-spool)
  while read -r context; do
    case $context in
    # All contexts have the common options; copy and help have no -s.
    'chat-spool copy' | 'chat-spool help') assert_equal "$(sort <(options_of_page "$context") <(grep -v -e --spool <<<"$common"))" "$(options_of_help "$context")" ;;
    'chat-spool '*) assert_equal "$(sort <(options_of_page "$context") - <<<"$common")" "$(options_of_help "$context")" ;;
    chat-spool) assert_equal "$(grep -v -e --spool <<<"$common")" "$(options_of_help "$context")" ;;
    *) assert_equal "$(options_of_page "$context")" "$(options_of_help "$context")" ;;
    esac
  done < <(contexts)
}

@test "the synopses of the manual pages show every option and no other" {
  local context seen
  while read -r context; do
    [[ $context != chat-spool ]] || continue
    seen=$(options_of_synopsis "$context" | grep -vxE -e '--help|--version') || [[ $context == *' help' ]]
    # The synopsis shows one form of an option with two forms.
    assert_equal "$(options_of_help "$context" | grep -vE -e '--(help|version) ' |
      awk '{ print $1 == "-" ? $2 : $1 }' | sort -u)" "$seen"
  done < <(contexts)
}

@test "the completion for bash has the options of --help, with the same arguments" {
  local context
  while read -r context; do
    assert_equal "$(options_of_bash "$context")" "$(options_of_help "$context")"
  done < <(contexts)
}

@test "the completion for zsh has the options of --help, with the same arguments" {
  command -v zsh >/dev/null || skip 'no zsh here'
  local context
  while read -r context; do
    assert_equal "$(forms_of_zsh "$context")" "$(options_of_help "$context" | forms)"
  done < <(contexts)
}

@test "the completion for fish has the options of --help, with and without an argument" {
  command -v fish >/dev/null || skip 'no fish here'
  local context
  while read -r context; do
    assert_equal "$(forms_of_fish "$context")" "$(options_of_help "$context" | forms | named_or_not)"
  done < <(contexts)
}

# ---------------------------------------------------------------- the completions work

# tab_words LINE: store the words that the completion for bash offers at the end of the line in $COMPREPLY. The line has
# no quotes.
tab_words() {
  local function
  # shellcheck disable=SC1091
  . "$COMPLETIONS/chatspool.bash"
  function=$(complete -p "${1%% *}" | sed -E 's/.* -F ([^ ]+) .*/\1/')
  COMP_LINE=$1
  COMP_POINT=${#1}
  # Split the line as bash does: at blanks, and around "=" and ":".
  mapfile -t COMP_WORDS < <(sed -E 's/ +/\n/g; s/([=:]+)([^\n])/\1\n\2/g; s/([^\n=:])([=:])/\1\n\2/g' <<<"$1")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  COMPREPLY=()
  # The completion is not written for a shell that exits when a command fails.
  "$function" "${1%% *}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" || true
}

# offers LINE [WORD ...]: the completion for bash offers these words and no others, in any order.
offers() {
  tab_words "$1"
  assert_equal "$(printf '%s\n' "${COMPREPLY[@]}" | sort)" "$(printf '%s\n' "${@:2}" | sort)"
}

# tab_fish LINE: print the words that fish offers at the end of the line, one per line.
tab_fish() { fish -N -c 'source $argv[1]; complete -C $argv[2]' "$COMPLETIONS/chatspool.fish" "$1" | cut -f 1; }

# typed COMMAND LINE ...: start a shell with this command, type the lines with a Tab for each "|", and print the
# arguments that the programs got, as "<-r><jobs>", one line per program.
typed() {
  local program
  mkdir -p typed
  for program in chat-send chat-recv chat-talk chat-spool; do
    printf '%s\n' '#!/bin/sh' "[ \"\$1 \$2\" = 'list --names' ] && [ -z \"\$SHOW\" ] && exec $CHAT_BIN/chat-spool \"\$@\"" \
      'for word; do printf "<%s>" "$word"; done; echo' >"typed/$program"
    chmod +x "typed/$program"
  done
  printf '%s\n' '. "$COMPLETIONS/chatspool.bash"' 'PS1=' >rc.bash
  printf '%s\n' 'fpath=($COMPLETIONS $fpath)' 'autoload -Uz compinit' 'compinit -u -D' 'PS1=' >rc.zsh
  printf '%s\n' "${@:2}" exit | tr '|' '\t' |
    PATH="$PWD/typed:$PATH" TERM=dumb COMPLETIONS="$COMPLETIONS" on_terminal sh -c "$1" | grep '^<'
}

typed_bash() { typed 'exec bash --noprofile --rcfile rc.bash -i' "$@"; }
typed_zsh() { typed 'exec zsh -f -i' '. ./rc.zsh' "$@"; }

# Rooms in the default spool, and in another; the name of one would run a command in a shell, and another one would be
# split.
make_rooms() {
  local room
  for room in jobs jobs.dead mail 'a b' '$(touch pwned)' 日本語 x:y; do chat-send -r "$room" hello; done
  chat-send -s other.db -r elsewhere hello
}

@test "the completion for bash offers the rooms of the spool wherever a room is expected" {
  local line
  make_rooms
  for line in 'chat-send -r ' 'chat-recv -r ' 'chat-recv -r mail -r ' 'chat-recv -aqr ' 'chat-send --room ' 'chat-recv --roo ' \
    'chat-recv --dead ' 'chat-spool show ' 'chat-spool peek ' 'chat-spool move ' 'chat-spool move -q mail ' 'chat-spool delete -y ' \
    'chat-spool dump mail ' 'chat-spool config default-room ' 'chat-spool open ' 'chat-spool readers ' 'chat-spool seek ' \
    'chat-spool forget -y '; do
    offers "${line}jo" jobs jobs.dead
    offers "${line}日" 日本語
    offers "${line}nothing"
  done
  offers 'chat-recv --room=jo' jobs jobs.dead
  offers 'chat-recv -rma' -rmail
  offers 'chat-recv -r ' jobs jobs.dead mail 'a\ b' '\$\(touch\ pwned\)' 日本語 x:y
  offers 'chat-recv -r x:' y
  assert_not_exists pwned
}

@test "the completion for bash offers the rooms of the spool that the command line names" {
  local line
  make_rooms
  cp other.db* "$HOME"
  for line in '-s other.db ' '-sother.db ' '-qs other.db ' '--spool other.db ' '--spool=other.db ' '-s ~/other.db ' '-s $HOME/other.db '; do
    offers "chat-recv $line-r " elsewhere
    offers "chat-spool show $line" elsewhere
  done
  offers 'chat-recv -s /nowhere/x -r '
  CHAT_SPOOL=other.db offers 'chat-recv -r ' elsewhere
}

@test "the completion for bash prints and creates nothing if there is no spool" {
  capture tab_words 'chat-recv -r '
  assert_bytes stdout ''
  assert_bytes stderr ''
  assert_equal "${#COMPREPLY[@]}" 0
  assert_not_exist "$HOME/.local"
  # The control: with a spool it prints something.
  chat-send -s there.db -r jobs x
  CHAT_SPOOL=$PWD/there.db tab_words 'chat-recv -r '
  assert_equal "${COMPREPLY[*]}" jobs
  mkdir no
  PATH="$PWD/no:/usr/bin:/bin" capture tab_words 'chat-recv -r '
  assert_bytes stderr ''
}

@test "the completion for bash offers files where a file is expected" {
  local line
  mkdir here && : >here/file.db
  for line in 'chat-send -f ' 'chat-send --file=' 'chat-recv -s ' 'chat-spool list --spool ' 'chat-spool load ' 'chat-spool backup -y ' \
    'chat-spool copy ' 'chat-spool copy one.db '; do
    offers "${line}here/fi" here/file.db
  done
}

@test "the completion for bash offers options, settings and commands in their place" {
  offers 'chat-recv --tr' --tries
  offers 'chat-spool list --n' --names
  offers 'chat-spool mo' move
  offers 'chat-spool config m' max-length
  offers 'chat-spool config max-length '
  offers 'chat-spool seek jobs/bob ' start end
  offers 'chat-recv -c '
  offers 'chat-send hello -r '
  offers 'chat-recv ' --
  tab_words 'chat-recv -r jobs -- chat-s'
  [[ " ${COMPREPLY[*]} " == *' chat-send '* ]]
}

@test "a command line that Tab completed in bash reaches the program correctly" {
  make_rooms
  run typed_bash 'chat-recv -r mai|' "chat-recv -r 'a |" 'chat-recv -r a|' 'chat-recv -r \$|' 'chat-recv --room=x:|' 'chat-recv -r 日|' \
    'chat-recv -s other.db -r e|' 'chat-spool mov| mai|jo|.d|' 'chat-recv --dead "a|'
  assert_output '<-r><mail>
<-r><a b>
<-r><a b>
<-r><$(touch pwned)>
<--room=x:y>
<-r><日本語>
<-s><other.db><-r><elsewhere>
<move><mail><jobs.dead>
<--dead><a b>'
  assert_not_exists pwned
}

@test "a command line that Tab completed in zsh reaches the program correctly" {
  command -v zsh >/dev/null || skip 'no zsh here'
  make_rooms
  cp other.db* "$HOME"
  run typed_zsh 'chat-recv -r mai|' 'chat-recv -r a|' 'chat-recv -r \$|' 'chat-recv --room=x|' 'chat-recv -r 日|' \
    'chat-recv -s other.db -r e|' 'chat-recv -s ~/other.db -r e|' 'chat-recv --spool=other.db --dead e|' 'chat-spool move mai|jobs.|' \
    'chat-spool show -s other.db e|' 'chat-send --ato|' 'SHOW=1 chat-spool list --na|' 'chat-spool config max|' 'chat-spool load rc.zs|'
  assert_output "<-r><mail>
<-r><a b>
<-r><\$(touch pwned)>
<--room=x:y>
<-r><日本語>
<-s><other.db><-r><elsewhere>
<-s><$HOME/other.db><-r><elsewhere>
<--spool=other.db><--dead><elsewhere>
<move><mail><jobs.dead>
<show><-s><other.db><elsewhere>
<--atomic>
<list><--names>
<config><max-length>
<load><rc.zsh>"
  assert_not_exists pwned
}

@test "fish offers rooms, files, options and commands in their place" {
  command -v fish >/dev/null || skip 'no fish here'
  local line
  make_rooms
  cp other.db* "$HOME"
  for line in 'chat-send -r ' 'chat-recv -qr ' 'chat-recv --dead ' 'chat-spool show ' 'chat-spool move mail ' \
    'chat-spool config default-room '; do
    run tab_fish "${line}jo"
    assert_output 'jobs
jobs.dead'
  done
  for line in '-s other.db' '-qs other.db' '-sother.db' '--spool other.db' '--spool=other.db' '-s ~/other.db' '-s $HOME/other.db'; do
    run tab_fish "chat-recv $line -r e"
    assert_output elsewhere
  done
  run tab_fish 'chat-recv -r a'
  assert_output 'a b'
  run tab_fish 'chat-recv -s /nowhere/x -r '
  assert_output ''
  : >file.db
  for line in 'chat-send -f fi' 'chat-spool backup fi' 'chat-spool list -s fi'; do
    run tab_fish "$line"
    assert_output file.db
  done
  run tab_fish 'chat-spool list --n'
  assert_output -- --names
  assert_not_exists pwned
}

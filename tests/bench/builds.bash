# The measured builds of chat-send and chat-recv: ours, and with BASELINE=PATH the build in PATH/bin beside it. Both are
# copies: a command starts up to 7 % slower from a file that the linker has written than from a copy, because the kernel
# reads a file that was written at once in larger pieces.
#
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154

builds=(chat)

# copy_builds: copy the builds to programs/BUILD.
copy_builds() {
  local ours
  ours=$(dirname "$(command -v chat-send)")
  copy_build chat "$ours"
  [ -n "${BASELINE-}" ] || return 0
  copy_build baseline "$BASELINE/bin"
  builds+=(baseline)
  contenders=(chat baseline "${contenders[@]:1}")
  note "The baseline: $("$work/programs/baseline/chat-send" --version | head -n 1)."
}

# copy_build BUILD DIRECTORY
copy_build() {
  mkdir -p "$work/programs/$1"
  cp "$2"/chat-* "$work/programs/$1"
  [ ! -d "$2/chatspool" ] || cp -R "$2/chatspool" "$work/programs/$1"
}

# programs_of BUILD: print the directory of its programs. Up to 0.2.0 a program may contain libc, so that LD_PRELOAD
# cannot slow down its syncs; then the same program with a shared libc is beside the module.
programs_of() {
  local directory=$work/programs/$1
  [ "$disk" = 0 ] || [ ! -x "$directory/chatspool/chat-send" ] || directory=$directory/chatspool
  echo "$directory"
}

# use BUILD: from now on chat-send and chat-recv are those of that build, with a separate spool. $of is the suffix of
# its rows or columns.
use() {
  PATH=$(programs_of "$1"):$path_without
  CHAT_SPOOL=$work/$1/spool.db
  export CHAT_SPOOL
  hash -r
  of=
  [ "$1" = chat ] || of=", ${names[$1]}"
}
path_without=$PATH

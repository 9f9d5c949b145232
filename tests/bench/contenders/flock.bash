# A text file with one message per line, under a lock.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154
flock_needs='flock sync sed'
flock_durable=yes
flock_send=(flock "$here/lock" sh -c 'printf "%s\n" "$1" >>"$0" && sync -d "$0"' "$here/queue" "$message")
flock_recv=(flock "$here/lock" sh -c 'head -n 1 "$0" && sed -i 1d "$0" && sync "$0" "${0%/*}"' "$here/queue")

# Counts: the instructions, system calls and syncs of one command with one message. Only the client's, not its server's.
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154
. "$bench/count.bash"

# repeated ROUNDS COMMAND ...
repeated() { for ((n = 0; n < $1; n++)); do "${@:2}"; done; }

table="Counts ($counter; the clients only)"
start_contenders "${builds[@]}" sqlite3 redis beanstalkd mosquitto rabbitmq flock
here=$work
for build in "${builds[@]}"; do
  use "$build"
  chat-send first
  keep_index
  chat-recv >/dev/null
done
use chat
floor_send=("$tools/floor" "$work/floor")
syncs=fsync,fdatasync,sync,syncfs,msync
for name in floor "${present[@]}"; do
  rounds=1
  [[ " ${builds[*]} " != *" $name "* ]] || rounds=$(scaled 16 4) # a checkpoint comes now and then
  for verb in send recv; do
    can "$name" $verb || continue
    declare -n command=${name}_$verb
    row="${names[$name]}: $verb"
    record "$table" "$row" 'instructions, thousands' \
      "$(repeated "$rounds" instructions "${command[@]}" | mean | thousands)"
    record "$table" "$row" 'system calls' "$(repeated "$rounds" system_calls all "${command[@]}" | mean)"
    record "$table" "$row" syncs "$(repeated "$rounds" system_calls $syncs "${command[@]}" | mean)"
  done
done
stop_contenders

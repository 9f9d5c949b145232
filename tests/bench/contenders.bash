# The programs that are measured beside ours. contenders/NAME.bash defines for each which commands it NAME_needs,
# whether it is NAME_durable, how to NAME_start it, and how to NAME_send a message and NAME_recv one.
#
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154

contenders=(chat sqlite3 redis beanstalkd mosquitto rabbitmq flock nq)
present=() # those that are installed, and running
servers=() # their process ids, and those of other processes in the background
message=$(printf '%0100d' 0)

# The names in the tables.
declare -A names=([floor]='the floor' [chat]='chat-send, chat-recv'
  [baseline]='the baseline' [sqlite3]='sqlite3' [redis]='redis-cli'
  [mosquitto]='mosquitto_pub, _sub' [rabbitmq]='amqp-publish, amqp-get' [beanstalkd]='beanstalkd' [flock]='flock, sed'
  [nq]='nq')

# set_disk MS: from now on a sync takes this much longer: "${on_disk[@]}" COMMAND ...
set_disk() {
  disk=$1
  on_disk=()
  slower=
  [ "$disk" = 0 ] || on_disk=(env "SLOW=$disk" "LD_PRELOAD=$tools/slow.so")
  [ "$disk" = 0 ] || slower=", disk +$disk ms"
}

# background COMMAND ...
background() {
  "${on_disk[@]}" "$@" </dev/null >>"$here/log" 2>&1 &
  servers+=($!)
}

# serve_at PORT COMMAND ...: start a server and wait until it listens; serve does so at $port.
serve_at() {
  local at=$1 tries
  shift
  background "$@"
  for ((tries = 0; tries < 300; tries++)); do
    kill -0 "${servers[-1]}" 2>/dev/null || return
    (exec 3<>"/dev/tcp/127.0.0.1/$at") 2>/dev/null && return
    sleep 0.1
  done
  return 1
}
serve() { serve_at "$port" "$@"; }

# start_contenders [NAME ...]: start them again with empty stores, on $disk; without names, all.
start_contenders() {
  local name needs port here
  port=${BENCH_PORT:-27400}
  present=()
  [ $# -gt 0 ] || set -- "${contenders[@]}"
  for name; do
    here=$work/$name
    port=$((port + 5))
    rm -rf "$here"
    mkdir -p "$here"
    . "$bench/contenders/$name.bash"
    needs=${name}_needs
    # shellcheck disable=SC2086
    if ! command -v ${!needs} >/dev/null || [ "$(command -v ${!needs} | wc -l)" -ne "$(wc -w <<<"${!needs}")" ]; then
      note "left out, as it is not installed: ${names[$name]}"
    elif declare -F "${name}_start" >/dev/null && ! "${name}_start" >>"$here/log" 2>&1; then
      note "left out, as it does not start: ${names[$name]} ($(tail -n 1 "$here/log"))"
    else
      present+=("$name")
    fi
  done
}

# End the servers in reverse order. RabbitMQ needs a while.
stop_contenders() {
  local i
  for ((i = ${#servers[@]} - 1; i >= 0; i--)); do
    { kill "${servers[i]}" && wait "${servers[i]}"; } 2>/dev/null || true
  done
  servers=()
}

# can NAME VERB: true if that contender has that operation.
can() { declare -p "$1_$2" >/dev/null 2>&1; }

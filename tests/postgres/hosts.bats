#!/usr/bin/env bats
# Clients on two hosts, in separate network namespaces, one of which is cut off: none of its packets arrives any more,
# and no error reports that.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load fault

setup() {
  chat_setup
  ((EUID == 0)) || skip 'only root can make networks'
  command -v ip >/dev/null || skip 'needs ip'
  unshare --net true 2>/dev/null || skip 'no right to make a network'
  host DB
  host A
  host B
  connect A 1
  connect B 2
  # No other process is in these networks. The server's keepalives are the bound.
  CLUSTER_ON=(nsenter --target "$DB" --net --)
  CLUSTER_HBA+=$'\nhost all chat 10.77.0.0/16 trust'
  cluster_begin "listen_addresses = '*'"
  CLUSTER_OF_TEST=1
  DATABASE=hosts
  node_sql node1 "CREATE DATABASE hosts OWNER chat"
  SPOOL=$(cluster_url hosts)
  A_SPOOL=${SPOOL//127.0.0.1/10.77.1.1}
  B_SPOOL=${SPOOL//127.0.0.1/10.77.2.1}
  on DB chat-spool init -s "$SPOOL"
}

# host NAME: create a network namespace that lives as long as the process $NAME.
host() {
  background unshare --net sleep infinity
  declare -g "$1=$BACKGROUND_PID"
  wait_until apart "$BACKGROUND_PID"
  on "$1" ip link set lo up
}
apart() { [[ $(readlink "/proc/$1/ns/net") != "$(readlink /proc/self/ns/net)" ]]; }

# on NAME COMMAND [ARG ...]: run a command on that host.
on() { nsenter --target "${!1}" --net -- "${@:2}"; }

# connect NAME N: connect it to the host of the cluster, which has the address 10.77.N.1 there.
connect() {
  on DB ip link add "to$1" type veth peer name eth0 netns "${!1}" || skip 'no virtual cables here'
  on DB ip addr add "10.77.$2.1/24" dev "to$1"
  on DB ip link set "to$1" up
  on "$1" ip addr add "10.77.$2.2/24" dev eth0
  on "$1" ip link set eth0 up
}

@test "the clients of two hosts share a spool, receive each message once, and know the sender's host" {
  local count pid pids=() WAIT_LIMIT=300
  count=$(dose 50 500)
  for host in A B; do
    spool=${host}_SPOOL
    background nsenter --target "${!host}" --net --uts -- unshare --uts bash -c '
      hostname "$0"
      for ((i = 1; i <= $2; i++)); do chat-send -s "$1" "$0 $i" || exit; done
    ' "$host" "${!spool}" "$count"
    pids+=("$BACKGROUND_PID")
    background nsenter --target "${!host}" --net -- chat-recv -F -s "${!spool}" -o '%h %b\n' >"seen-$host" 2>"err-$host"
  done
  for pid in "${pids[@]}"; do
    finish "$pid"
    assert_success
  done
  wait_until all_seen $((2 * count))
  run diff <(for host in A B; do seq -f "$host $host %.0f" 1 "$count"; done | sort) <(sort seen-A seen-B)
  assert_success
  run cat err-A err-B
  assert_output ''
}
all_seen() { (($(cat seen-A seen-B | wc -l) >= $1)); }

@test "the message of a receiver on a disconnected host is available after the keepalives have failed" {
  local cut
  on A chat-send -s "$A_SPOOL" job
  background nsenter --target "$A" --net -- chat-recv -s "$A_SPOOL" -- sh -c 'echo begun >begun; until [ -e cut ]; do sleep 0.1; done' 2>err
  wait_until test -s begun
  run -1 on B chat-recv -q -s "$B_SPOOL"
  on A ip link set eth0 down
  cut=$(now)
  touch cut
  WAIT_LIMIT=120 wait_until is_free
  tell "free for others $((($(now) - cut) / 1000)) s after its receiver was cut off"
  run -0 on B chat-recv -s "$B_SPOOL"
  assert_output job
  # Work on the disconnected host does not count, and the receiver reports that.
  WAIT_LIMIT=180 finish "$BACKGROUND_PID"
  assert_not_equal "$status" 0
  assert [ -s err ]
}
is_free() { [[ $(on B chat-recv -p -q -s "$B_SPOOL") == job ]]; }

@test "a sender on a disconnected host reports that it cannot reach the store, or succeeds after the reconnection" {
  on A chat-send -s "$A_SPOOL" before
  on A ip link set eth0 down
  on A chat-send -s "$A_SPOOL" during 2>err &
  local sender=$!
  wait_until asleep_or_ended "$sender" '*'
  on A ip link set eth0 up
  status=0
  wait "$sender" || status=$?
  run -0 on B chat-recv -a -s "$B_SPOOL"
  if ((status == 0)); then assert_output $'before\nduring'; else assert_output before; fi
}

# A PostgreSQL cluster for tests: a primary, node1, and two synchronous standbys, node2 and node3, on loopback. A commit
# is acknowledged when one of the standbys has it, too. Source this file with $CLUSTER set to a directory that does not
# exist yet and preferably has a short name: it contains the sockets.
#
#   $CLUSTER/fresh      the data directory from which all three are copied, because initdb takes longer than everything else
#   $CLUSTER/sockets    where the superuser connects, and the standbys to the primary: only for the servers' user
#   $CLUSTER/NODE/      data, port, log; and the signals that were sent, by the contents of data/postmaster.pid
#
# As root, run the servers as a user that no password file contains.
#
# shellcheck shell=bash

# The role of the tests needs no password, and has rights only on its own databases; the superuser can connect only
# through the directory of the sockets. To change that, set this variable and $CLUSTER_ON, a prefix of the server's
# command, before the cluster is started.
CLUSTER_ON=()
CLUSTER_HBA='local all         postgres               trust
local replication postgres               trust
host  all         chat      127.0.0.1/32 trust'

# fsync is off: no test here cuts the power, and data in the kernel survives kill -9.
CLUSTER_SETTINGS="listen_addresses = '127.0.0.1'
fsync = off
jit = off
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
wal_keep_size = 256MB
max_connections = 200
wal_retrieve_retry_interval = 200ms
log_line_prefix = '%m %p %u '
include_if_exists = 'node.conf'"

# The newest server installed here.
postgres_programs() {
  local program newest=
  for program in /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres /usr/libexec/postgresql*/postgres; do
    [[ ! -x $program ]] || newest=$(printf '%s\n' ${newest:+"$newest"} "${program%/postgres}" | sort -V | tail -n 1)
  done
  [[ $newest ]] || newest=$(dirname "$(command -v postgres)") || return
  echo "$newest"
}

# SERVER: a prefix that runs a command as the servers' user.
CLUSTER_UID=54329
SERVER=()
((EUID)) || SERVER=(setpriv --reuid="$CLUSTER_UID" --regid="$CLUSTER_UID" --clear-groups)
POSTGRES=$(postgres_programs) || POSTGRES=

# Print a free port outside the range that the kernel gives to clients.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# ---------------------------------------------------------------- the whole cluster

# cluster_start [SETTING ...]: create the cluster and start it. A SETTING is a line of postgresql.conf, for all three.
# $CLUSTER_FRESH is the fresh directory of another cluster, which saves a second.
cluster_start() {
  local node
  mkdir -p "$CLUSTER/sockets" && chmod 711 "$CLUSTER" || return
  ((EUID)) || chown "$CLUSTER_UID:$CLUSTER_UID" "$CLUSTER/sockets" || return
  chmod 700 "$CLUSTER/sockets"
  cluster_fresh || return
  for node in node1 node2 node3; do node_make "$node" "$@" || return; done
  node_lead node1
  for node in node1 node2 node3; do node_start "$node" || return; done
  cluster_wait cluster_in_step node1
}

# cluster_stall STOP|CONT: stop both standbys, or let them continue.
cluster_stall() { node_freeze node2 "$1" && node_freeze node3 "$1"; }

# cluster_end: stop all servers, and delete everything.
cluster_end() {
  local node
  for node in node1 node2 node3; do [[ ! -e $CLUSTER/$node ]] || node_stop "$node"; done
  rm -rf "$CLUSTER"
}

# initdb looks up the name of its user in the password file. So an unprivileged account in that file runs it, and the servers'
# user gets the result.
cluster_fresh() {
  local fresh=$CLUSTER/fresh as=()
  if [[ ${CLUSTER_FRESH:-} ]]; then
    ln -s "$CLUSTER_FRESH" "$fresh"
    return
  fi
  mkdir -m 700 "$fresh" || return
  if ((EUID == 0)); then
    as=(setpriv --reuid=nobody --regid=65534 --clear-groups)
    chown nobody "$fresh" || return
  fi
  "${as[@]}" "$POSTGRES/initdb" -U postgres --no-sync --no-instructions --locale=C.UTF-8 --encoding=UTF8 --auth=reject \
    -D "$fresh/data" >"$CLUSTER/initdb.log" 2>&1 || { cat "$CLUSTER/initdb.log" >&2 && return 1; }
  echo "$CLUSTER_SETTINGS" >>"$fresh/data/postgresql.conf"
  ((EUID)) || chown -R "$CLUSTER_UID:$CLUSTER_UID" "$fresh"
}

# cluster_wait CONDITION [ARG ...]: wait until it is true, for at most a minute.
cluster_wait() {
  local end=$((SECONDS + 60))
  until "$@"; do
    if ((SECONDS >= end)); then
      echo "cluster: waited in vain for: $*" >&2
      tail -n 5 "$CLUSTER"/node?/log >&2
      return 1
    fi
    sleep 0.02
  done
}

# cluster_in_step NODE: true if every running standby receives the commits of NODE.
cluster_in_step() {
  local node standbys=0
  for node in node1 node2 node3; do ! node_runs "$node" || standbys=$((standbys + 1)); done
  [[ $(node_sql "$1" "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum')" 2>/dev/null) == $((standbys - 1)) ]]
}

# cluster_primary: print the node that runs and accepts writes.
cluster_primary() {
  local node
  for node in node1 node2 node3; do
    [[ $(node_runs "$node" && node_sql "$node" 'SELECT pg_is_in_recovery()' 2>/dev/null) != f ]] || { echo "$node" && return; }
  done
  return 1
}

# cluster_promote [NODE]: make this standby the primary, and let the other follow it. Without a NODE, promote the
# standby that has received most: with ANY 1 only that one is sure to have every acknowledged commit.
cluster_promote() {
  local new=${1:-$(cluster_furthest)} node
  [[ $new ]] || return
  node_lead "$new"
  node_sql "$new" 'SELECT pg_promote()' >/dev/null
  for node in node1 node2 node3; do [[ $node == "$new" ]] || ! node_runs "$node" || node_reload "$node"; done
  echo "$new"
}

cluster_furthest() {
  local node
  for node in node1 node2 node3; do
    ! node_runs "$node" || [[ $(node_sql "$node" 'SELECT pg_is_in_recovery()') != t ]] ||
      node_sql "$node" "SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0', '$node'"
  done | sort -t '|' -k 1,1nr | sed -n '1s/.*|//p'
}

# cluster_status: print one line per node.
cluster_status() {
  local node
  for node in node1 node2 node3; do
    if node_runs "$node"; then
      printf '%s  port %s  %s\n' "$node" "$(<"$CLUSTER/$node/port")" \
        "$(node_sql "$node" "SELECT CASE WHEN pg_is_in_recovery() THEN 'standby, got ' || pg_last_wal_receive_lsn()
          ELSE 'primary, at ' || pg_current_wal_lsn() END")"
    else
      printf '%s  does not run\n' "$node"
    fi
  done
}

# cluster_url DATABASE [USER]: print a URL for $CHAT_SPOOL, with all three nodes.
cluster_url() {
  local node hosts=
  for node in node1 node2 node3; do hosts+=,127.0.0.1:$(<"$CLUSTER/$node/port"); done
  echo "postgresql://${2:-chat}@${hosts#,}/$1?target_session_attrs=read-write"
}

# node_sql NODE [-d DATABASE] STATEMENT ...: run statements as the superuser; columns are separated by |.
node_sql() {
  local node=$1 database=postgres statements=()
  shift
  [[ $1 != -d ]] || { database=$2 && shift 2; }
  while (($#)); do statements+=(-c "$1") && shift; done
  PGOPTIONS='-c client_min_messages=warning' "$POSTGRES/psql" -X -q -A -t -v ON_ERROR_STOP=1 \
    -h "$CLUSTER/sockets" -p "$(<"$CLUSTER/$node/port")" -U postgres -d "$database" "${statements[@]}" </dev/null
}

# ---------------------------------------------------------------- a single node

node_make() {
  local node=$1 place=$CLUSTER/$1
  shift
  mkdir "$place" && cp -a --reflink=auto "$CLUSTER/fresh/data" "$place/data" || return
  free_port >"$place/port"
  : >"$place/log"
  {
    printf "port = %s\nunix_socket_directories = '%s'\ncluster_name = '%s'\n" "$(<"$place/port")" "$CLUSTER/sockets" "$node"
    [[ $# == 0 ]] || printf '%s\n' "$@"
    echo "include_if_exists = 'role.conf'"
  } >"$place/data/node.conf"
  echo "$CLUSTER_HBA" >"$place/data/pg_hba.conf"
  ((EUID)) || chown -R "$CLUSTER_UID:$CLUSTER_UID" "$place"
}

# node_lead NODE: let the others follow it from now on. They have to be started, or reloaded (node_reload).
node_lead() {
  local node others=() data
  for node in node1 node2 node3; do
    data=$CLUSTER/$node/data
    [[ $node != "$1" ]] || continue
    others+=("$node")
    printf "primary_conninfo = 'host=%s port=%s user=postgres application_name=%s'\n" \
      "$CLUSTER/sockets" "$(<"$CLUSTER/$1/port")" "$node" >"$data/role.conf"
    node_runs "$node" || : >"$data/standby.signal"
  done
  printf "synchronous_standby_names = 'ANY 1 (%s, %s)'\n" "${others[@]}" >"$CLUSTER/$1/data/role.conf"
  node_runs "$1" || rm -f "$CLUSTER/$1/data/standby.signal"
  ! node_runs "$1" || node_reload "$1"
}

node_pid() { head -n 1 "$CLUSTER/$1/data/postmaster.pid" 2>/dev/null; }

# node_runs NODE: the process in its file is a server of its data directory.
node_runs() {
  local pid
  pid=$(node_pid "$1") && [[ $pid && $(tr '\0' ' ' <"/proc/$pid/cmdline") == *"$CLUSTER/$1/data"* ]]
} 2>/dev/null

# node_signal NODE SIGNAL
node_signal() { kill "-$2" "$(node_pid "$1")"; }

# node_freeze NODE STOP|CONT: stop or continue all its processes, as if its machine hung for a while.
node_freeze() {
  local pid
  pid=$(node_pid "$1")
  # shellcheck disable=SC2046  # the words are the processes
  kill "-$2" "$pid" $(cat "/proc/$pid/task/$pid/children")
}

node_reload() { node_signal "$1" HUP; }

# node_start NODE: start it and wait until it answers. It has its own session, so that Ctrl-C and bats leave it alone.
node_start() {
  "${CLUSTER_ON[@]}" setsid "${SERVER[@]}" "$POSTGRES/postgres" -D "$CLUSTER/$1/data" </dev/null >>"$CLUSTER/$1/log" 2>&1 3>&- &
  disown
  cluster_wait node_answers "$1"
}

node_answers() { node_sql "$1" 'SELECT 1' >/dev/null 2>&1; }

# node_stop NODE [SIGNAL]: TERM waits for the clients, INT ends them, QUIT requires a recovery.
node_stop() {
  local pid memory
  memory=$(sed -n '7s/.* //p' "$CLUSTER/$1/data/postmaster.pid" 2>/dev/null)
  if node_runs "$1"; then
    pid=$(node_pid "$1")
    node_freeze "$1" CONT
    kill "-${2:-QUIT}" "$pid"
    cluster_wait process_gone "$pid"
  elif [[ $memory ]]; then
    # Resources that a killed server has left in the kernel.
    ipcrm -m "$memory" 2>/dev/null || true
  fi
}

process_gone() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  [[ ${stat##*) } == Z* ]]
}

# node_kill NODE: kill all its processes at once, as if its machine had died. The first one is stopped before it can
# react to the death of the others.
node_kill() {
  local pid children
  pid=$(node_pid "$1") || return
  kill -STOP "$pid"
  children=$(cat "/proc/$pid/task/$pid/children")
  # shellcheck disable=SC2086  # the words are the processes
  kill -KILL "$pid" $children
  cluster_wait process_gone "$pid"
}

# node_copy FROM TO: make TO, which does not run, a standby of FROM from a copy of it.
node_copy() {
  local place=$CLUSTER/$2
  node_stop "$2"
  rm -rf "$place/data"
  "${SERVER[@]}" "$POSTGRES/pg_basebackup" -h "$CLUSTER/sockets" -p "$(<"$CLUSTER/$1/port")" -U postgres -c fast -D "$place/data" || return
  sed -i -e "s/^port = .*/port = $(<"$place/port")/" -e "s/^cluster_name = .*/cluster_name = '$2'/" "$place/data/node.conf"
  node_lead "$1"
  node_start "$2"
}

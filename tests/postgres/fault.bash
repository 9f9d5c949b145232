# Functions that the files of this directory share: faults of a cluster. Load this file with `load fault`.
#
# A file or a test has its own cluster, at $CLUSTER, so that the nodes can be killed: call cluster_for_file in
# setup_file, or cluster_for_test. DOSE=full increases the number of faults.
#
# shellcheck shell=bash
# shellcheck disable=SC2034  # for the tests

[[ ! ${CHAT_TEST_CLUSTER:-} ]] || export CLUSTER_FRESH=$CHAT_TEST_CLUSTER/fresh
unset CHAT_TEST_CLUSTER

load ../helper
# shellcheck source=tests/postgres/cluster.bash
. "${BASH_SOURCE[0]%/*}/cluster.bash"
FAULT_DIRECTORY=$(cd "${BASH_SOURCE[0]%/*}" && pwd)

setup() { fault_setup; }
teardown() { fault_teardown; }

fault_setup() {
  chat_setup
  [[ ! ${CLUSTER:-} ]] || spool_for_test
}

fault_teardown() {
  local pid
  chat_teardown
  [[ ! ${CLUSTER_OF_TEST:-} ]] || cluster_end
}

# dose SAMPLE FULL
dose() { if [[ ${DOSE:-} == full ]]; then echo "$2"; else echo "$1"; fi; }

# tell TEXT: print a line of the report, as a comment of TAP.
tell() { echo "# $*" >&3; }

# cluster_begin [SETTING ...]: start a cluster at $CLUSTER.
cluster_begin() {
  [[ $POSTGRES ]] || skip 'needs a PostgreSQL server'
  CLUSTER=$(mktemp -d "${TMPDIR:-/tmp}/chat-cluster-XXXXXX")
  export CLUSTER
  cluster_start "$@"
  node_sql node1 'CREATE ROLE chat LOGIN'
}

# cluster_for_file [SETTING ...]: start a cluster in setup_file; teardown_file calls cluster_end.
cluster_for_file() { cluster_begin "$@"; }

# cluster_for_test [SETTING ...]: start a cluster that contains the default spool.
cluster_for_test() {
  CLUSTER_OF_TEST=1
  cluster_begin "$@"
  spool_for_test
}

# spool_for_test: create a database for the test, and make it the default spool.
spool_for_test() {
  DATABASE=test_$BATS_TEST_NUMBER
  node_sql node1 "CREATE DATABASE $DATABASE OWNER chat"
  SPOOL=$(cluster_url "$DATABASE")
  export CHAT_SPOOL=$SPOOL
  chat-spool init
}

# now: print the time in milliseconds.
now() { echo $((${EPOCHREALTIME/./} / 1000)); }

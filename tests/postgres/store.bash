# The default spool of each test on a PostgreSQL cluster instead of in a file. helper.bash sources this file if
# $CHAT_TEST_CLUSTER is the directory of a running cluster (tests/postgres/run starts one). Each test has its own
# database there, a copy of the database "fresh", in which chat-spool init has created the schema.
#
# Most tests are about promises that hold for both stores. The list tests/postgres/skipped names the tests about a file
# or about something outside the store, with the reason.
#
# shellcheck shell=bash

# shellcheck source=tests/postgres/cluster.bash
. "${BASH_SOURCE[0]%/*}/cluster.bash"
# shellcheck disable=SC2034  # for cluster.bash
CLUSTER=$CHAT_TEST_CLUSTER

store_setup() {
  local why
  why=$(store_skipped "$BATS_TEST_FILENAME" "$BATS_TEST_DESCRIPTION")
  [[ ! $why ]] || skip "$why"
  STORE_DATABASE=test_$$_$BATS_TEST_NUMBER
  # Do not wait for the standbys, which would double the time: no test relies on this commit.
  node_sql node1 'SET synchronous_commit = local' "CREATE DATABASE $STORE_DATABASE TEMPLATE fresh OWNER chat STRATEGY file_copy" || return
  SPOOL=$(cluster_url "$STORE_DATABASE")
  export CHAT_SPOOL=$SPOOL
  # Here the checksum of the same message differs, because its id and its time come from the server.
  # shellcheck disable=SC2034  # for rows
  ROWS=${ROWS/checksum, /}
}

store_teardown() {
  [[ ! ${STORE_DATABASE:-} ]] || node_sql node1 'SET synchronous_commit = local' "DROP DATABASE $STORE_DATABASE WITH (FORCE)"
}

# store_skipped FILE NAME: print the reason why the test is skipped, if it is.
store_skipped() {
  local file pattern reason
  while IFS=$'\t' read -r file pattern reason; do
    [[ ! $file || $file == \#* ]] || [[ $1 != */$file.bats || ! $2 =~ $pattern ]] || { echo "$reason" && return; }
  done <"${BASH_SOURCE[0]%/*}/skipped"
}

# store_fresh: create the database that the tests copy. For "ask" the schema "look" has the tables and the function of a
# file, with the same names.
store_fresh() {
  node_sql node1 'CREATE ROLE chat LOGIN' 'CREATE DATABASE fresh OWNER chat' &&
    "$CHAT_BIN/chat-spool" init -s "$(cluster_url fresh)" &&
    node_sql node1 -d fresh 'CREATE SCHEMA look' \
      "CREATE FUNCTION look.hex(bytea) RETURNS text LANGUAGE sql AS \$\$ SELECT upper(encode(\$1, 'hex')) \$\$" \
      'CREATE VIEW look.message AS SELECT * FROM chat.message' \
      'CREATE VIEW look.room AS
        SELECT r.number, r.name, coalesce(sum(t.depth), 0) AS depth, coalesce(sum(t.bytes), 0) AS bytes, NULL AS next_id
          FROM chat.room r LEFT JOIN chat.tally t ON t.room = r.number GROUP BY r.number
        UNION ALL SELECT 0, NULL, 0, 0, last_value + is_called::int FROM chat.message_id'
}

# store_ask STATEMENT URL: as "ask" of helper.bash for a file.
store_ask() {
  local database=${2%%\?*}
  node_sql node1 -d "${database##*/}" 'SET search_path = look' "$1"
}

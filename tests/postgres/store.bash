# The default spool of each test on a PostgreSQL cluster, instead of in a file. helper.bash sources it where $CHAT_TEST_CLUSTER is
# the directory of a cluster that runs (tests/postgres/run starts one); a test has a database of its own on it, a copy of the
# database "fresh", in which chat-spool init has made the schema.
#
# Most tests speak of promises, and hold for both stores. Those that are about the file, or about nothing that
# a store does, are in the list tests/postgres/skipped, with the reason.
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
  # Not in step with the standbys, which takes as long again: no test relies on this commit.
  node_sql node1 'SET synchronous_commit = local' "CREATE DATABASE $STORE_DATABASE TEMPLATE fresh OWNER chat STRATEGY file_copy" || return
  SPOOL=$(cluster_url "$STORE_DATABASE")
  export CHAT_SPOOL=$SPOOL
  # Of the same message it is another one here, as its id and its time are the server's.
  # shellcheck disable=SC2034  # for rows
  ROWS=${ROWS/checksum, /}
}

store_teardown() {
  [[ ! ${STORE_DATABASE:-} ]] || node_sql node1 'SET synchronous_commit = local' "DROP DATABASE $STORE_DATABASE WITH (FORCE)"
}

# store_skipped FILE NAME: the reason why the test is skipped, if it is.
store_skipped() {
  local file pattern reason
  while IFS=$'\t' read -r file pattern reason; do
    [[ ! $file || $file == \#* ]] || [[ $1 != */$file.bats || ! $2 =~ $pattern ]] || { echo "$reason" && return; }
  done <"${BASH_SOURCE[0]%/*}/skipped"
}

# store_fresh: make the database that the tests copy. For "ask" there are the tables and the function that a file has, by the same
# names, in the schema "look".
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

# store_ask STATEMENT URL: as "ask" of helper.bash does of a file.
store_ask() {
  local database=${2%%\?*}
  node_sql node1 -d "${database##*/}" 'SET search_path = look' "$1"
}

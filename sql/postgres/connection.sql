-- The connection and its transactions.

-- name: session
-- The settings of a session, whatever the role, the database or the server sets: plans that do not depend on a table
-- having been empty when it was analyzed; commits that are on disk, and on the standbys that the operator named; and a
-- server that soon notices when this machine is gone.
SELECT pg_backend_pid()::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    current_setting('max_locks_per_transaction'), current_setting('max_connections'),
    set_config('search_path', 'pg_catalog', false),
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'remote_apply'
        THEN 'remote_apply' ELSE 'on' END, false),
    set_config('lock_timeout', '30s', false),
    set_config('statement_timeout', '0', false),
    set_config('idle_session_timeout', '0', false),
    set_config('idle_in_transaction_session_timeout', '60s', false),
    set_config('client_connection_check_interval', '5s', false),
    set_config('tcp_keepalives_idle', $1::text, false),
    set_config('tcp_keepalives_interval', $2::text, false),
    set_config('tcp_keepalives_count', $3::text, false),
    set_config('tcp_user_timeout', $4::text, false),
    set_config('enable_seqscan', 'off', false),
    set_config('enable_bitmapscan', 'off', false),
    set_config('plan_cache_mode', 'force_generic_plan', false),
    set_config('jit', 'off', false);

-- name: session_17
-- A server of version 17 or newer also ends long transactions, if transaction_timeout is set.
SELECT set_config('transaction_timeout', '0', false);

-- name: start
-- For a session whose other settings came with the connection: what get_spool reads, and the number of the plain room
-- $1 (NULL: the default one). All in one statement, as each costs a new session some catalog lookups.
SELECT pg_backend_pid()::bigint, version, max_length, default_room, coalesce(pg_sequence_last_value('chat.message_id'), 0) + 1,
    floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, current_setting('max_locks_per_transaction'),
    current_setting('max_connections'),
    (SELECT number FROM chat.room WHERE name = coalesce($1::text, default_room) AND source IS NULL),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'remote_apply'
        THEN 'remote_apply' ELSE 'on' END, false)
FROM chat.spool;

-- name: has_schema
SELECT (to_regclass('chat.spool') IS NOT NULL)::int::bigint;

-- name: lock_schema
-- One process at a time makes or upgrades the schema.
SELECT pg_advisory_xact_lock($1::bigint);

-- name: get_spool
SELECT version, max_length, default_room, coalesce(pg_sequence_last_value('chat.message_id'), 0) + 1, chat.now()
FROM chat.spool;

-- name: begin
BEGIN;

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;

-- name: await_standbys
-- Commit something, so that the commit waits for the standbys.
SELECT pg_logical_emit_message(true, 'chatspool', '');

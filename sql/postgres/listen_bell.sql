-- Have the bell rung until we leave it. Who rings just now keeps us waiting until its commit, but no longer than $2
-- milliseconds: that may wait for a standby.
SELECT pg_advisory_lock_shared($1::bigint) FROM set_config('lock_timeout', $2::text, true)

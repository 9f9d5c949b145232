-- The write lock of room $1, where messages become ready. Its present owner may wait for a standby: not for longer than a second.
SELECT pg_advisory_xact_lock_shared(7164664057193037824), pg_advisory_xact_lock(7164382582216327168 | $1::bigint)
FROM set_config('lock_timeout', '1s', true)

-- Who is about to wait for room waits for those who settle without knowing it.
SELECT pg_try_advisory_xact_lock_shared($1::bigint)

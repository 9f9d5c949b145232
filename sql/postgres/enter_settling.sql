-- A receiver settles messages of room $1: until our commit its tally is not folded, and a sender that is about to wait for
-- space waits for us.
SELECT pg_advisory_xact_lock_shared(7163819632262905856 | $1::bigint)

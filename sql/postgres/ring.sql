-- Wake up those who listen to $1, if there are any: they hold the lock $2, shared. (NOTIFY makes commits wait for each
-- other.) Who comes to wait while we try it gets the lock only after our commit, and then looks.
SELECT pg_notify($1::text, '') WHERE NOT pg_try_advisory_xact_lock($2::bigint)

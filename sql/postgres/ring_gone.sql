-- The same where a sender may wait for space. Others may try the lock $2 just now, too, and ring for nothing.
SELECT pg_notify($1::text, '') FROM chat.room WHERE number = $3::bigint AND limited
    AND NOT pg_try_advisory_xact_lock($2::bigint)

-- What others have begun to settle is settled when this has its turn.
SELECT pg_advisory_xact_lock($1::bigint)

-- One process at a time makes or upgrades the schema.
SELECT pg_advisory_xact_lock($1::bigint)

-- The write locks of all rooms until our commit: nobody else draws an id.
SELECT pg_advisory_xact_lock(7164664057193037824)

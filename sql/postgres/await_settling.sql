-- Wait until the messages of room $1 that others have begun to settle are settled, so that their absence is visible.
SELECT pg_advisory_xact_lock(7163819632262905856 | number)
FROM chat.room WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool))

-- The write lock of the room $1 until our commit. The lock 0x636e ("cn") keeps those out who set ids.
SELECT pg_advisory_xact_lock_shared(7164664057193037824), pg_advisory_xact_lock(7164382582216327168 | number)
FROM chat.room WHERE name = $1::text

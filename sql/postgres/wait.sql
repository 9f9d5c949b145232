-- Wait for messages and for space, and wake sessions that wait.

-- name: listen_bell
-- Ask other sessions to notify this one until leave_bell. A session that is notifying at the moment keeps us waiting
-- until its commit, but no longer than $2 milliseconds: its commit may wait for a standby.
SELECT pg_advisory_lock_shared($1::bigint) FROM set_config('lock_timeout', $2::text, true);

-- name: leave_bell
SELECT pg_advisory_unlock_shared($1::bigint);

-- name: leave_channels
UNLISTEN *;

-- name: set_limited
UPDATE chat.room SET limited = true WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool))
    AND NOT limited;

-- name: look
-- For a session that is about to wait for messages of room $1: whether there is a message after the place $3 that is not claimed
-- (the ids $2 are claimed by this session), or any message; in how many milliseconds the next one is due (NULL: never),
-- and whether a message has expired.
WITH r AS MATERIALIZED (SELECT number, coalesce((SELECT f.first FROM chat.front f WHERE f.room = number
            ORDER BY f.returned DESC, f.first DESC LIMIT 1), 0) AS first
        FROM chat.room WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool))),
    one AS MATERIALIZED (SELECT m.id FROM chat.message m WHERE m.room = (SELECT number FROM r) AND m.due IS NULL
        AND m.place >= (SELECT first FROM r) AND m.place > $3::bigint
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now())) AND m.id <> ALL ($2::bigint[])
        ORDER BY m.place LIMIT 1)
SELECT (EXISTS (SELECT FROM one) AND EXISTS (SELECT FROM chat.message m WHERE m.room = (SELECT number FROM r)
        AND m.due IS NULL AND m.place >= (SELECT first FROM r) AND m.place > $3::bigint
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now()))
        AND m.id <> ALL ($2::bigint[]) AND m.id NOT IN (SELECT id FROM chat.claimed)))::int::bigint,
    EXISTS (SELECT FROM one)::int::bigint,
    (SELECT greatest(m.due - chat.now(), 0) FROM chat.message m WHERE m.room = (SELECT number FROM r)
        AND m.due IS NOT NULL ORDER BY m.due LIMIT 1),
    coalesce((SELECT m.room FROM chat.message m WHERE m.room = number AND m.expires IS NOT NULL
        AND m.expires <= (SELECT chat.now()) LIMIT 1), 0)
FROM r;

-- name: look_for_space
-- For a session that is about to wait for space in room $1: how many messages the room contains (for an open room, up
-- to $2 of those that its slowest reader has not read), its number, and in how many milliseconds the next one expires
-- (NULL: never).
SELECT CASE WHEN room.source = room.number THEN chat.unseen(room.number, $2::bigint) ELSE coalesce((SELECT sum(t.depth) FROM chat.tally t WHERE t.room = room.number
        AND t.epoch = (SELECT max(e.epoch) FROM chat.tally e WHERE e.room = room.number)), 0)::bigint END,
    room.number,
    (SELECT greatest(m.expires - chat.now(), 0) FROM chat.message m WHERE m.room = room.number
        AND m.expires IS NOT NULL ORDER BY m.expires LIMIT 1)
FROM chat.room WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool));

-- name: await_settling
-- Wait until the deletions of messages of room $1 that other sessions have begun are committed, so that they are visible.
SELECT pg_advisory_xact_lock(7163819632262905856 | number)
FROM chat.room WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool));

-- name: ring
-- Wake the sessions that listen to $1, if there are any: they hold the lock $2, shared. (NOTIFY makes commits wait for
-- each other.) A session that starts to wait while we try the lock gets the lock only after our commit, and then looks.
SELECT pg_notify($1::text, '') WHERE NOT pg_try_advisory_xact_lock($2::bigint);

-- name: ring_room
-- $4 messages were added to the room $3: if the room is open, it may exceed its limits now. Also wake the sessions that
-- listen to $1, if there are any: they hold the lock $2, shared (0: the lock is not tried, because the transaction has
-- many rooms). A session that starts to wait while we try the lock gets the lock only after our commit, and then looks.
SELECT pg_notify($1::text, '') FROM chat.room WHERE name = $3::text
    AND CASE WHEN CASE WHEN source = number THEN chat.trim(number, $4::bigint, true) ELSE true END
        THEN $2::bigint = 0 OR NOT pg_try_advisory_xact_lock($2::bigint) END;

-- name: ring_gone
-- As ring, where a sender may wait for space. Another session may try the lock $2 at the same time, too, and wake the
-- senders in vain.
SELECT pg_notify($1::text, '') FROM chat.room WHERE number = $3::bigint AND limited
    AND NOT pg_try_advisory_xact_lock($2::bigint);

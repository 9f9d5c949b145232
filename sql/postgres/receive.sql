-- Finding, claiming and reading messages.

-- name: look_room
-- The room $1 (NULL: the default one): its number and name; how often messages came back; the position of its first
-- message; whether a message is due, and whether one has expired; whether this role may delete messages; and whether
-- the room is open.
WITH r AS MATERIALIZED (
    SELECT room.number, room.name, room.source, coalesce(f.returned, 0) AS returned, coalesce(f.first, 0) AS first
    FROM chat.room LEFT JOIN LATERAL (SELECT front.returned, front.first FROM chat.front
        WHERE front.room = room.number ORDER BY front.returned DESC, front.first DESC LIMIT 1) AS f ON true
    WHERE room.name = coalesce($1::text, (SELECT default_room FROM chat.spool)))
SELECT r.number, r.name, r.returned,
    coalesce((SELECT m.place FROM chat.message m WHERE m.room = r.number AND m.due IS NULL AND m.place >= r.first
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now())) ORDER BY m.place LIMIT 1), 0),
    EXISTS (SELECT FROM chat.message m WHERE m.room = r.number AND m.due IS NOT NULL
        AND m.due <= (SELECT chat.now()))::int::bigint,
    EXISTS (SELECT FROM chat.message m WHERE m.room = r.number AND m.expires IS NOT NULL
        AND m.expires <= (SELECT chat.now()))::int::bigint,
    has_table_privilege('chat.message', 'DELETE')::int::bigint, (r.source IS NOT NULL)::int::bigint
FROM r;

-- name: claim_ready
-- Claim the oldest messages of room $1 after the position $5 and up to the place $2, at most $4, except those with the
-- ids $3, which this session has claimed: try their locks one after the other. Returns the columns of get_messages, the
-- transaction that wrote the row, and in the first row the snapshot of this statement. Bodies come until they have $6
-- bytes. If the next statement has the same snapshot, no message was deleted or changed before its lock was granted.
WITH r AS MATERIALIZED (
    SELECT number, coalesce((SELECT f.first FROM chat.front f
        WHERE f.room = number ORDER BY f.returned DESC, f.first DESC LIMIT 1), 0) AS first
    FROM chat.room WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool)) AND source IS NULL)
SELECT line.id, line.sent, line.sender, line.host, line.attempts, line.key, line.checksum,
    CASE WHEN line.before < $6::bigint THEN line.body END, line.place, line.due, line.expires, line.failed, line.failure,
    line.xmin, CASE WHEN line.before = 0 THEN (SELECT pg_current_snapshot()) END
FROM (SELECT line.*, sum(line.length) OVER (ROWS UNBOUNDED PRECEDING) - line.length AS before FROM (SELECT * FROM (
        SELECT m.*, m.xmin, octet_length(m.body) AS length FROM chat.message m
        WHERE m.room = (SELECT number FROM r) AND m.due IS NULL AND m.place >= (SELECT first FROM r)
            AND m.place > $5::bigint AND m.place <= $2::bigint AND m.id <> ALL ($3::bigint[])
            AND (m.expires IS NULL OR m.expires > (SELECT chat.now()))
        ORDER BY m.place OFFSET 0) AS line
    WHERE pg_try_advisory_lock(7162975207332773888 | (line.id & 281474976710655)) LIMIT $4::bigint) AS line) AS line;

-- name: get_snapshot
SELECT pg_current_snapshot();

-- name: get_writers
-- The transactions that wrote the messages with the ids $1, as their rows are now.
SELECT id, xmin FROM chat.message WHERE id = ANY ($1::bigint[]);

-- name: lock_ready
-- As claim_ready, including expired messages: lock only. A message read here may be deleted by now: see get_messages.
SELECT line.id, line.length FROM (
    SELECT m.id, octet_length(m.body)::bigint AS length FROM chat.message m
    WHERE m.room = (SELECT number FROM chat.room WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool)))
        AND m.due IS NULL AND m.place > $5::bigint AND m.place <= $2::bigint AND m.id <> ALL ($3::bigint[])
    ORDER BY m.place OFFSET 0) AS line
WHERE pg_try_advisory_lock(7162975207332773888 | (line.id & 281474976710655)) LIMIT $4::bigint;

-- name: lock_behind
-- As lock_ready, for messages that are delayed or held back, up to the id $2.
SELECT line.id, line.length FROM (
    SELECT m.id, octet_length(m.body)::bigint AS length FROM chat.message m
    WHERE m.room = (SELECT number FROM chat.room
            WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool)))
        AND m.due IS NOT NULL AND m.id <= $2::bigint AND m.id <> ALL ($3::bigint[])
    ORDER BY m.due, m.id OFFSET 0) AS line
WHERE pg_try_advisory_lock(7162975207332773888 | (line.id & 281474976710655)) LIMIT $4::bigint;

-- name: lock_older
-- As lock_ready and lock_behind, including expired messages: those that were sent before the time $5.
SELECT line.id, line.length FROM (
    (SELECT m.id, octet_length(m.body)::bigint AS length FROM chat.message m
        WHERE m.room = (SELECT number FROM chat.room WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool)))
            AND m.due IS NULL AND m.place <= $2::bigint AND m.sent < $5::bigint AND m.id <> ALL ($3::bigint[])
        ORDER BY m.place)
    UNION ALL
    (SELECT m.id, octet_length(m.body)::bigint FROM chat.message m
        WHERE m.room = (SELECT number FROM chat.room WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool)))
            AND m.due IS NOT NULL AND m.id <= $2::bigint AND m.sent < $5::bigint AND m.id <> ALL ($3::bigint[])
        ORDER BY m.due, m.id)
    OFFSET 0) AS line
WHERE pg_try_advisory_lock(7162975207332773888 | (line.id & 281474976710655)) LIMIT $4::bigint;

-- name: lock_one
-- Claim one message: the number and the name of its room, and whether it was free.
SELECT r.number, r.name,
    pg_try_advisory_lock(7162975207332773888 | (m.id & 281474976710655))::int::bigint
FROM chat.message m JOIN chat.room r ON r.number = m.room WHERE m.id = $1::bigint;

-- name: get_places
-- The positions of the ready messages with the ids $1, or of copies of them.
SELECT id, place FROM chat.message WHERE id = ANY ($1::bigint[]) AND due IS NULL
UNION ALL
SELECT origin, place FROM chat.message WHERE origin IS NOT NULL AND origin = ANY ($1::bigint[]) AND due IS NULL;

-- name: get_messages
-- The messages with the ids $1 in room $2, in its order. A message that existed before its lock was granted may have
-- been deleted, failed or moved since: so this is a separate statement, with its own snapshot. All of them if $3 is 1.
SELECT id, sent, sender, host, attempts, key, checksum, body, place, due, expires, failed, failure FROM chat.message
WHERE id = ANY ($1::bigint[]) AND room = $2::bigint
    AND ($3::bigint = 1 OR (due IS NULL AND (expires IS NULL OR expires > (SELECT chat.now()))))
ORDER BY due NULLS FIRST, CASE WHEN due IS NULL THEN place ELSE id END;

-- name: unlock
SELECT count(pg_advisory_unlock(7162975207332773888 | (id & 281474976710655))) FROM unnest($1::bigint[]) AS id;

-- name: walk_ready
-- The messages of room $1 after the place $2 and up to the place $3, in its order: at most $4, until their bodies have
-- reached $5 bytes. All of them if $6 is 1, otherwise those that no other session has claimed.
SELECT m.id, m.sent, m.sender, m.host, m.attempts, m.key, m.checksum, m.body, m.place, m.due, m.expires, m.failed, m.failure,
    (m.id IN (SELECT id FROM chat.claimed))::int::bigint
FROM (SELECT id, place, sum(octet_length(body)) OVER (ORDER BY place) - octet_length(body) AS before FROM (
        SELECT m.id, m.place, m.body FROM chat.message m WHERE m.room = (SELECT number FROM chat.room
                WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool)))
            AND m.due IS NULL AND m.place > $2::bigint AND m.place <= $3::bigint
            AND ($6::bigint = 1 OR ((m.expires IS NULL OR m.expires > (SELECT chat.now()))
                AND m.id NOT IN (SELECT id FROM chat.claimed)))
        ORDER BY m.place LIMIT $4::bigint) AS line) AS line
    CROSS JOIN LATERAL (SELECT * FROM chat.message one WHERE one.id = line.id OFFSET 0) AS m
WHERE line.before < $5::bigint ORDER BY line.place;

-- name: walk_behind
-- As walk_ready, for messages that are delayed or held back, after the time $2 and the id $6, and up to the id $3.
SELECT m.id, m.sent, m.sender, m.host, m.attempts, m.key, m.checksum, m.body, m.place, m.due, m.expires, m.failed, m.failure,
    (m.id IN (SELECT id FROM chat.claimed))::int::bigint
FROM (SELECT id, due, sum(octet_length(body)) OVER (ORDER BY due, id) - octet_length(body) AS before FROM (
        SELECT m.id, m.due, m.body FROM chat.message m WHERE m.room = (SELECT number FROM chat.room
                WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool)))
            AND m.due IS NOT NULL AND (m.due, m.id) > ($2::bigint, $6::bigint) AND m.id <= $3::bigint
        ORDER BY m.due, m.id LIMIT $4::bigint) AS line) AS line
    CROSS JOIN LATERAL (SELECT * FROM chat.message one WHERE one.id = line.id OFFSET 0) AS m
WHERE line.before < $5::bigint ORDER BY line.due, line.id;

-- name: walk_one
SELECT m.id, m.sent, m.sender, m.host, m.attempts, m.key, m.checksum, m.body, m.place, m.due, m.expires, m.failed, m.failure,
    (m.id IN (SELECT id FROM chat.claimed))::int::bigint, r.name
FROM chat.message m JOIN chat.room r ON r.number = m.room WHERE m.id = $1::bigint;

-- Statements of a sender.

-- name: add_token
-- Add the token of a transaction that begins. If another attempt at the transaction has been committed, this fails, and
-- so does everything after it.
INSERT INTO chat.sent (token, time) VALUES ($1::uuid, chat.now());

-- name: prove_token
-- Add the token of a transaction that is tried once more. Adds nothing if the attempt before was committed; waits for
-- an attempt that is about to be committed.
INSERT INTO chat.sent (token, time) VALUES ($1::uuid, chat.now()) ON CONFLICT (token) DO NOTHING;

-- name: enter_spool
-- Take the write locks of all rooms until our commit: no other session draws an id.
SELECT pg_advisory_xact_lock(7164664057193037824);

-- name: enter_room
-- Take the write lock of the room $1 until our commit. The lock 0x636e ("cn") excludes sessions that set ids.
SELECT pg_advisory_xact_lock_shared(7164664057193037824), pg_advisory_xact_lock(7164382582216327168 | number)
FROM chat.room WHERE name = $1::text;

-- name: enter_number
-- As enter_room, for the room with the number $1.
SELECT pg_advisory_xact_lock_shared(7164664057193037824), pg_advisory_xact_lock(7164382582216327168 | $1::bigint);

-- name: add_room
INSERT INTO chat.room (name) SELECT $1::text WHERE NOT EXISTS (SELECT FROM chat.room WHERE name = $1::text)
ON CONFLICT (name) DO NOTHING;

-- name: next_id
SELECT nextval('chat.message_id');

-- name: set_last_id
SELECT setval('chat.message_id', $1::bigint) WHERE $1::bigint > coalesce(pg_sequence_last_value('chat.message_id'), 0);

-- name: get_key
SELECT id FROM chat.message WHERE room = (SELECT number FROM chat.room WHERE name = $1::text) AND key = $2::text
    AND key IS NOT NULL AND (expires IS NULL OR expires > (SELECT chat.now())) ORDER BY id LIMIT 1;

-- name: lock_key
-- Claim the messages of room $1 with the key $2 that no receiver has claimed, until the end of the transaction, except
-- those with the ids $3, which this session has claimed.
SELECT line.id, line.room FROM (
    SELECT m.id, m.room FROM chat.message m WHERE m.room = (SELECT number FROM chat.room WHERE name = $1::text)
        AND m.key = $2::text AND m.key IS NOT NULL
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now())) AND m.id <> ALL ($3::bigint[]) OFFSET 0) AS line
WHERE pg_try_advisory_xact_lock(7162975207332773888 | (line.id & 281474976710655));

-- name: get_depth
-- How many messages a room contains; for an open room, up to $2 of those that its slowest reader has not read. The
-- room's number, and whether it is open.
SELECT CASE WHEN room.source = room.number THEN chat.unseen(room.number, $2::bigint) ELSE coalesce((SELECT sum(t.depth) FROM chat.tally t WHERE t.room = room.number
        AND t.epoch = (SELECT max(e.epoch) FROM chat.tally e WHERE e.room = room.number)), 0)::bigint END,
    room.number, (room.source = room.number)::int::bigint
FROM chat.room WHERE name = $1::text;

-- name: lock_oldest
-- Claim the oldest message of room $1 until the end of the transaction, so that no receiver gets it, except the ids $2,
-- which this session has claimed. With $3 = 1, no message that this transaction has put, either.
SELECT line.id FROM (
    SELECT m.id FROM chat.message m WHERE m.room = (SELECT number FROM chat.room WHERE name = $1::text)
        AND m.due IS NULL AND m.id <> ALL ($2::bigint[])
        AND ($3::bigint = 0 OR m.xmin <> pg_current_xact_id()::xid)
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now()))
    ORDER BY m.place OFFSET 0) AS line
WHERE pg_try_advisory_xact_lock(7162975207332773888 | (line.id & 281474976710655)) LIMIT 1;

-- name: return_to_room
-- Messages return to the room $1 at the position $2 or after it, before others: receivers begin there again. The caller
-- holds the write lock of the room.
INSERT INTO chat.front (room, returned, first)
SELECT r.number, coalesce(f.returned, 0) + 1, least(coalesce(f.first, 0), $2::bigint)
FROM chat.room r LEFT JOIN LATERAL (SELECT front.returned, front.first FROM chat.front
    WHERE front.room = r.number ORDER BY front.returned DESC, front.first DESC LIMIT 1) AS f ON true
WHERE r.name = $1::text;

-- name: add_messages
-- Add messages to the room $1, in their order, with $15 bytes in total. An id of 0 is a new one.
WITH r AS MATERIALIZED (SELECT number FROM chat.room WHERE name = $1::text),
    counted AS (INSERT INTO chat.tally (room, epoch, depth, bytes)
        SELECT r.number, coalesce((SELECT max(t.epoch) FROM chat.tally t WHERE t.room = r.number), 0),
            cardinality($2::bigint[]), $15::bigint FROM r)
INSERT INTO chat.message (id, room, place, due, expires, sent, sender, host, attempts, key, checksum, failed, failure, body)
SELECT m.number, (SELECT number FROM r),
    CASE WHEN m.place > 0 OR m.due IS NOT NULL THEN m.place ELSE m.number END,
    m.due, m.expires, coalesce(m.sent, (SELECT chat.now())), m.sender, m.host, m.attempts, m.key, m.checksum,
    m.failed, m.failure, m.body
FROM (SELECT CASE WHEN line.id > 0 THEN line.id ELSE nextval('chat.message_id') END AS number, line.*
    FROM (SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
            $8::text[], $9::bigint[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bytea[]) WITH ORDINALITY
        AS given (id, place, due, expires, sent, sender, host, attempts, key, checksum, failed, failure, body, at)
        ORDER BY at OFFSET 0) AS line OFFSET 0) AS m;

-- name: add_alike
-- Add new messages to the room $1, in the order of their checksums $9 and bodies $10, with $11 bytes in total. All
-- other fields are the same, so that a message costs no more than its body.
WITH r AS MATERIALIZED (SELECT number FROM chat.room WHERE name = $1::text),
    counted AS (INSERT INTO chat.tally (room, epoch, depth, bytes)
        SELECT r.number, coalesce((SELECT max(t.epoch) FROM chat.tally t WHERE t.room = r.number), 0),
            cardinality($9::bigint[]), $11::bigint FROM r)
INSERT INTO chat.message (id, room, place, due, expires, sent, sender, host, attempts, key, checksum, body)
SELECT m.number, (SELECT number FROM r), CASE WHEN $2::bigint IS NULL THEN m.number ELSE 0 END, $2::bigint, $3::bigint,
    coalesce($4::bigint, (SELECT chat.now())), $5::text, $6::text, $7::bigint, $8::text, m.checksum, m.body
FROM (SELECT nextval('chat.message_id') AS number, line.checksum, line.body
    FROM (SELECT unnest($9::bigint[]) AS checksum, unnest($10::bytea[]) AS body OFFSET 0) AS line OFFSET 0) AS m;

-- name: add_one
-- Add a new message to the room with the number $1. count_added counts it.
INSERT INTO chat.message (id, room, place, due, expires, sent, sender, host, attempts, key, checksum, body)
SELECT id, $1::bigint, CASE WHEN $2::bigint IS NULL THEN id ELSE 0 END, $2::bigint, $3::bigint,
    coalesce($4::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint), $5::text, $6::text, $7::bigint,
    $8::text, $9::bigint, $10::bytea
FROM (SELECT nextval('chat.message_id') AS id OFFSET 0) AS drawn;

-- name: draw_ids
-- For a COPY of $2 new messages to the room $1: its number, the time, and the ids. NULL instead of ids: row-level
-- security applies to this role, and the server refuses the COPY.
SELECT number, chat.now(), CASE WHEN NOT row_security_active('chat.message')
    THEN ARRAY(SELECT nextval('chat.message_id') FROM generate_series(1, $2::bigint)) END
FROM chat.room WHERE name = $1::text;

-- name: count_added
-- Count $2 messages, with $3 bytes in total, that were added to the room with the number $1.
INSERT INTO chat.tally (room, epoch, depth, bytes)
SELECT $1::bigint, coalesce((SELECT max(t.epoch) FROM chat.tally t WHERE t.room = $1::bigint), 0), $2::bigint, $3::bigint;

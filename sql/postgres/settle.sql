-- Acknowledging, failing and moving claimed messages.

-- name: enter_settling
-- A receiver deletes messages of room $1: until our commit its tally is not folded, and a sender that is about to wait
-- for space waits for us.
SELECT pg_advisory_xact_lock_shared(7163819632262905856 | $1::bigint);

-- name: settle
-- Delete the messages with the ids $1 from room $2. A message that is in another room by now stays there.
WITH done AS (DELETE FROM chat.message WHERE id = ANY ($1::bigint[]) AND room = $2::bigint
    RETURNING octet_length(body) AS length)
INSERT INTO chat.tally (room, epoch, depth, bytes)
SELECT $2::bigint, coalesce((SELECT max(t.epoch) FROM chat.tally t WHERE t.room = $2::bigint), 0), -count(*), -sum(length)
FROM done HAVING count(*) > 0;

-- name: settle_full
-- As the statement before, on a full disk, without a new row: subtract the deleted messages from one of the counts.
WITH done AS (DELETE FROM chat.message WHERE id = ANY ($1::bigint[]) AND room = $2::bigint
    RETURNING octet_length(body) AS length)
UPDATE chat.tally SET depth = depth - (SELECT count(*) FROM done), bytes = bytes - (SELECT coalesce(sum(length), 0) FROM done)
WHERE ctid = (SELECT t.ctid FROM chat.tally t WHERE t.room = $2::bigint ORDER BY t.epoch DESC LIMIT 1 FOR UPDATE);

-- name: set_failed
-- Record the failed attempts of these messages, and hold them back for $3 milliseconds. With $5 = 1, an attempt has
-- failed just now, in the way $6.
UPDATE chat.message m SET attempts = f.attempts, due = CASE WHEN $3::bigint > 0 THEN chat.now() + $3::bigint END,
    failed = CASE WHEN $5::bigint = 1 THEN chat.now() ELSE m.failed END,
    failure = CASE WHEN $5::bigint = 1 THEN $6::bigint ELSE m.failure END
FROM unnest($1::bigint[], $2::bigint[]) AS f (id, attempts) WHERE m.id = f.id AND m.id = ANY ($1::bigint[]) AND m.room = $4::bigint;

-- name: move
-- Move the messages with the ids $1 from room $2 to room $3. The caller holds the write lock of room $3.
WITH line AS (SELECT * FROM unnest($1::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
        WITH ORDINALITY AS given (id, attempts, due, expires, checksum, failed, failure, at) ORDER BY at OFFSET 0),
    to_place AS MATERIALIZED (SELECT *, CASE WHEN due IS NULL THEN nextval('chat.message_id') ELSE 0 END AS place
        FROM line),
    moved AS (UPDATE chat.message m SET id = CASE WHEN m.id < 0 THEN p.place ELSE m.id END, origin = NULL, room = r.number,
            place = p.place, attempts = p.attempts, due = p.due,
            expires = p.expires, checksum = p.checksum, failed = p.failed, failure = p.failure
        FROM to_place p, chat.room r WHERE m.id = p.id AND m.id = ANY ($1::bigint[]) AND m.room = $2::bigint AND r.name = $3::text
        RETURNING r.number, octet_length(m.body) AS length)
INSERT INTO chat.tally (room, epoch, depth, bytes)
SELECT t.room, coalesce((SELECT max(e.epoch) FROM chat.tally e WHERE e.room = t.room), 0), t.sign * t.count, t.sign * t.bytes
FROM (SELECT moved.number AS room, 1 AS sign, count(*) AS count, sum(length) AS bytes FROM moved GROUP BY moved.number
    UNION ALL SELECT $2::bigint, -1, count(*), sum(length) FROM moved HAVING count(*) > 0) AS t;

-- name: make_front
-- Provide $2 places before the first message of room $1. The caller holds its write lock. If the places are missing,
-- all messages with a place get another one, in their order. The ids of the messages to come are lower than these
-- places.
WITH r AS MATERIALIZED (SELECT number FROM chat.room WHERE name = $1::text),
    line AS MATERIALIZED (SELECT id, nextval('chat.message_id') AS place FROM (
        SELECT m.id FROM chat.message m WHERE m.room = (SELECT number FROM r) AND m.place > 0
            AND (SELECT least((SELECT o.place FROM chat.message o WHERE o.room = (SELECT number FROM r) AND o.due IS NULL
                    ORDER BY o.place LIMIT 1),
                (SELECT min(o.place) FROM chat.message o WHERE o.room = (SELECT number FROM r) AND o.due IS NOT NULL
                    AND o.place > 0))) <= $2::bigint
        ORDER BY m.place OFFSET 0) AS line)
UPDATE chat.message m SET place = line.place FROM line WHERE m.id = line.id AND m.id = ANY (ARRAY(SELECT id FROM line))
    AND m.room = (SELECT number FROM r);

-- name: move_first
-- As move, to the places before the first message of room $3: see make_front.
WITH line AS (SELECT * FROM unnest($1::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
        WITH ORDINALITY AS given (id, attempts, due, expires, checksum, failed, failure, at) ORDER BY at OFFSET 0),
    r AS MATERIALIZED (SELECT number FROM chat.room WHERE name = $3::text),
    first AS MATERIALIZED (SELECT least((SELECT o.place FROM chat.message o WHERE o.room = (SELECT number FROM r) AND o.due IS NULL
                ORDER BY o.place LIMIT 1),
            (SELECT min(o.place) FROM chat.message o WHERE o.room = (SELECT number FROM r) AND o.due IS NOT NULL
                AND o.place > 0)) AS place),
    to_place AS MATERIALIZED (SELECT *, CASE WHEN due IS NOT NULL THEN 0
            ELSE coalesce((SELECT first.place FROM first) - cardinality($1::bigint[]) + at - 1, nextval('chat.message_id')) END AS place
        FROM line),
    moved AS (UPDATE chat.message m SET id = CASE WHEN m.id < 0 THEN nextval('chat.message_id') ELSE m.id END, origin = NULL,
            room = r.number, place = p.place, attempts = p.attempts, due = p.due,
            expires = p.expires, checksum = p.checksum, failed = p.failed, failure = p.failure
        FROM to_place p, r WHERE m.id = p.id AND m.id = ANY ($1::bigint[]) AND m.room = $2::bigint
        RETURNING r.number, octet_length(m.body) AS length)
INSERT INTO chat.tally (room, epoch, depth, bytes)
SELECT t.room, coalesce((SELECT max(e.epoch) FROM chat.tally e WHERE e.room = t.room), 0), t.sign * t.count, t.sign * t.bytes
FROM (SELECT moved.number AS room, 1 AS sign, count(*) AS count, sum(length) AS bytes FROM moved GROUP BY moved.number
    UNION ALL SELECT $2::bigint, -1, count(*), sum(length) FROM moved HAVING count(*) > 0) AS t;

-- name: add_front
-- Record that the room $1 began at the position $3 when messages had come back to it $2 times, so that other sessions
-- begin there.
INSERT INTO chat.front (room, returned, first) VALUES ($1::bigint, $2::bigint, $3::bigint) ON CONFLICT DO NOTHING;

-- name: sweep
-- Delete at most $2 expired messages of room $1 that no receiver has claimed. (With arrays no plan can turn this into a scan of the whole
-- table, and the locks are read only if a message has expired.)
WITH old AS (SELECT id FROM chat.message WHERE room = $1::bigint AND expires IS NOT NULL
        AND expires <= (SELECT chat.now()) AND id & 281474976710655 <> ALL (ARRAY(SELECT c.id FROM chat.claimed c))
        AND id & 1099511627775 <> ALL (ARRAY(SELECT l.id FROM chat.reading l JOIN chat.room r ON r.number & 16777215 = l.reader
            WHERE r.source = $1::bigint AND l.id > 0)) ORDER BY expires LIMIT $2::bigint FOR UPDATE SKIP LOCKED),
    done AS (DELETE FROM chat.message WHERE id = ANY (ARRAY(SELECT id FROM old)) AND room = $1::bigint
        RETURNING octet_length(body) AS length)
INSERT INTO chat.tally (room, epoch, depth, bytes)
SELECT $1::bigint, coalesce((SELECT max(t.epoch) FROM chat.tally t WHERE t.room = $1::bigint), 0), -count(*), -sum(length)
FROM done HAVING count(*) > 0;

-- Open rooms and their readers. The functions are in readers.part.

-- name: look_reader
-- The reader $1 of the open room $2: their numbers (NULL: no such reader); the place up to which it has read the room,
-- and how many messages it has lost; whether a message of its own is due, and one of the room; the room's limits;
-- whether this role may receive.
SELECT o.number, r.number, r.seen, r.missed,
    EXISTS (SELECT FROM chat.message m WHERE m.room = r.number AND m.due IS NOT NULL AND m.due <= (SELECT chat.now()))::int::bigint,
    EXISTS (SELECT FROM chat.message m WHERE m.room = o.number AND m.due IS NOT NULL AND m.due <= (SELECT chat.now()))::int::bigint,
    o.keep, has_table_privilege('chat.message', 'DELETE')::int::bigint
FROM chat.room o LEFT JOIN chat.room r ON r.name = $1::text
WHERE o.name = $2::text AND o.source = o.number;

-- name: lock_reader
-- Claim the oldest messages that the reader $1 has not read, after the position $6 and up to the place $2: at most $4
-- of its own and $4 of its source, except those with the ids $3, which this session has claimed. With $5 = 1, expired
-- messages too. A message read here may be deleted by now. (Each half follows its index: sorting both would read every
-- unread message.)
WITH r AS MATERIALIZED (SELECT number, source, seen FROM chat.room WHERE name = $1::text)
SELECT both_rooms.id, both_rooms.length FROM (
    (SELECT line.* FROM (
        SELECT coalesce(m.origin, m.id) AS id, m.place, octet_length(m.body)::bigint AS length FROM chat.message m
        WHERE m.room = (SELECT number FROM r) AND m.due IS NULL AND m.place > $6::bigint AND m.place <= $2::bigint
            AND coalesce(m.origin, m.id) <> ALL ($3::bigint[])
            AND ($5::bigint = 1 OR m.expires IS NULL OR m.expires > (SELECT chat.now())) ORDER BY m.place OFFSET 0) AS line
    WHERE pg_try_advisory_lock(((((SELECT number FROM r) & 16777215) << 40 | (line.id & 1099511627775)) >> 32)::int,
        ((((SELECT number FROM r) << 40 | (line.id & 1099511627775)) << 32) >> 32)::int) LIMIT $4::bigint)
    UNION ALL
    (SELECT line.* FROM (
        SELECT m.id, m.place, octet_length(m.body)::bigint AS length FROM chat.message m
        WHERE m.room = (SELECT source FROM r) AND m.due IS NULL AND m.place > (SELECT seen FROM r)
            AND m.place > $6::bigint AND m.place <= $2::bigint AND m.id <> ALL ($3::bigint[])
            AND ($5::bigint = 1 OR m.expires IS NULL OR m.expires > (SELECT chat.now())) ORDER BY m.place OFFSET 0) AS line
    WHERE pg_try_advisory_lock(((((SELECT number FROM r) & 16777215) << 40 | (line.id & 1099511627775)) >> 32)::int,
        ((((SELECT number FROM r) << 40 | (line.id & 1099511627775)) << 32) >> 32)::int) LIMIT $4::bigint)) AS both_rooms
ORDER BY both_rooms.place;

-- name: lock_reader_behind
-- As lock_reader, for the reader's own messages that are delayed or held back, up to the place $2.
SELECT line.id, line.length FROM (
    SELECT coalesce(m.origin, m.id) AS id, octet_length(m.body)::bigint AS length, m.room FROM chat.message m
    WHERE m.room = (SELECT number FROM chat.room WHERE name = $1::text)
        AND m.due IS NOT NULL AND m.place <= $2::bigint AND coalesce(m.origin, m.id) <> ALL ($3::bigint[])
    ORDER BY m.due, m.id OFFSET 0) AS line
WHERE pg_try_advisory_lock((((line.room & 16777215) << 40 | (line.id & 1099511627775)) >> 32)::int,
    (((line.room << 40 | (line.id & 1099511627775)) << 32) >> 32)::int) LIMIT $4::bigint;

-- name: get_reader_messages
-- The messages with the ids $1 that the reader with the number $2 has not read, in its order, with the columns of
-- get_messages, the row of each, and the name of the room to which it was sent.
SELECT coalesce(m.origin, m.id), m.sent, m.sender, m.host, m.attempts, m.key, m.checksum, m.body, m.place, m.due, m.expires, m.failed, m.failure, 0::bigint,
    CASE WHEN m.room = r.number AND m.origin IS NULL THEN r.name ELSE o.name END, m.id
FROM chat.room r JOIN chat.room o ON o.number = r.source CROSS JOIN LATERAL (
        SELECT * FROM chat.message one WHERE one.id = ANY ($1::bigint[])
            AND (one.room = r.number OR (one.room = o.number AND one.due IS NULL AND one.place > r.seen))
        UNION ALL
        SELECT * FROM chat.message copy WHERE copy.origin IS NOT NULL AND copy.origin = ANY ($1::bigint[]) AND copy.room = r.number) AS m
WHERE r.number = $2::bigint
    AND ($3::bigint = 1 OR (m.due IS NULL AND (m.expires IS NULL OR m.expires > (SELECT chat.now()))))
ORDER BY m.due NULLS FIRST, m.place;

-- name: be_here
-- Mark that a process is present as the reader $1 until its session ends, and return the reader's number.
SELECT number, pg_advisory_lock_shared((((number & 16777215) << 40) >> 32)::int, 0)
FROM chat.room WHERE name = $1::text AND source <> number;

-- name: need_reader
SELECT chat.need_reader($1::text, $2::text);

-- name: find_reader
SELECT chat.find_reader($1::text, $2::text);

-- name: unlock_reader
-- Release the claims $1 of readers: the 64 bits of their two keys.
SELECT count(pg_advisory_unlock((key >> 32)::int, ((key << 32) >> 32)::int)) FROM unnest($1::bigint[]) AS key;

-- name: look_unread
-- For a process that is about to wait as the reader $1: whether there is a message after the place $3 that no session
-- has claimed (the ids $2 are claimed by this one), or any message; in how many milliseconds the next one is due, of
-- the reader or of its room (NULL: never).
WITH r AS MATERIALIZED (SELECT number, source, seen FROM chat.room WHERE name = $1::text),
    claims AS MATERIALIZED (SELECT id FROM chat.reading WHERE reader = (SELECT number & 16777215 FROM r)),
    own AS MATERIALIZED (SELECT coalesce(m.origin, m.id) AS id FROM chat.message m
        WHERE m.room = (SELECT number FROM r) AND m.due IS NULL AND m.place > $3::bigint AND coalesce(m.origin, m.id) <> ALL ($2::bigint[])
            AND (m.expires IS NULL OR m.expires > (SELECT chat.now())) ORDER BY m.place LIMIT 1),
    one AS MATERIALIZED (SELECT m.id FROM chat.message m
        WHERE m.room = (SELECT source FROM r) AND m.due IS NULL AND m.place > greatest((SELECT seen FROM r), $3::bigint)
            AND m.id <> ALL ($2::bigint[]) AND (m.expires IS NULL OR m.expires > (SELECT chat.now())) ORDER BY m.place LIMIT 1)
SELECT ((EXISTS (SELECT FROM own) AND EXISTS (SELECT FROM chat.message m
            WHERE m.room = (SELECT number FROM r) AND m.due IS NULL AND m.place > $3::bigint AND coalesce(m.origin, m.id) <> ALL ($2::bigint[])
            AND (m.expires IS NULL OR m.expires > (SELECT chat.now()))
            AND coalesce(m.origin, m.id) & 1099511627775 NOT IN (SELECT id FROM claims)))
        OR (EXISTS (SELECT FROM one) AND EXISTS (SELECT FROM chat.message m
            WHERE m.room = (SELECT source FROM r) AND m.due IS NULL AND m.place > greatest((SELECT seen FROM r), $3::bigint)
            AND m.id <> ALL ($2::bigint[]) AND (m.expires IS NULL OR m.expires > (SELECT chat.now()))
            AND m.id & 1099511627775 NOT IN (SELECT id FROM claims))))::int::bigint,
    (EXISTS (SELECT FROM own) OR EXISTS (SELECT FROM one))::int::bigint,
    (SELECT min(greatest(line.due - chat.now(), 0)) FROM (
        (SELECT m.due FROM chat.message m WHERE m.room = (SELECT number FROM r) AND m.due IS NOT NULL ORDER BY m.due LIMIT 1)
        UNION ALL
        (SELECT m.due FROM chat.message m WHERE m.room = (SELECT source FROM r) AND m.due IS NOT NULL ORDER BY m.due LIMIT 1)) AS line),
    0::bigint
FROM r;

-- name: walk_reader
-- The messages that the reader $1 of the open room $6 has not read, after the place $2 and up to the place $3: at most
-- $4, until their bodies have reached $5 bytes. All of them if $7 is 1, otherwise those that no other session has
-- claimed. A reader that does not exist has read nothing.
WITH o AS MATERIALIZED (SELECT number, name FROM chat.room WHERE name = $6::text AND source = number),
    r AS MATERIALIZED (SELECT number, name, seen FROM chat.room WHERE name = $1::text),
    claims AS MATERIALIZED (SELECT id FROM chat.reading WHERE reader = (SELECT number & 16777215 FROM r))
SELECT coalesce(m.origin, m.id), m.sent, m.sender, m.host, m.attempts, m.key, m.checksum, m.body, m.place, m.due, m.expires,
    m.failed, m.failure,
    (coalesce(m.origin, m.id) & 1099511627775 IN (SELECT id FROM claims))::int::bigint,
    CASE WHEN m.room = (SELECT number FROM r) AND m.origin IS NULL THEN (SELECT name FROM r) ELSE (SELECT name FROM o) END, m.id
FROM (SELECT id, place, sum(length) OVER (ORDER BY place) - length AS before FROM (
        SELECT * FROM (
            (SELECT m.id, m.place, octet_length(m.body) AS length FROM chat.message m
            WHERE m.room = (SELECT number FROM r) AND m.due IS NULL AND m.place > $2::bigint AND m.place <= $3::bigint
                AND ($7::bigint = 1 OR ((m.expires IS NULL OR m.expires > (SELECT chat.now()))
                    AND coalesce(m.origin, m.id) & 1099511627775 NOT IN (SELECT id FROM claims)))
            ORDER BY m.place LIMIT $4::bigint)
            UNION ALL
            (SELECT m.id, m.place, octet_length(m.body) FROM chat.message m
            WHERE m.room = (SELECT number FROM o) AND m.due IS NULL
                AND m.place > greatest(coalesce((SELECT seen FROM r), 0), $2::bigint) AND m.place <= $3::bigint
                AND ($7::bigint = 1 OR ((m.expires IS NULL OR m.expires > (SELECT chat.now()))
                    AND m.id & 1099511627775 NOT IN (SELECT id FROM claims)))
            ORDER BY m.place LIMIT $4::bigint)) AS both_rooms
        ORDER BY place LIMIT $4::bigint) AS line) AS line
    CROSS JOIN LATERAL (SELECT * FROM chat.message one WHERE one.id = line.id OFFSET 0) AS m
WHERE line.before < $5::bigint ORDER BY line.place;

-- name: walk_reader_behind
-- As walk_reader, for the reader's own messages that are delayed or held back, after the time $2 and the row $6, and up
-- to the place $3.
SELECT coalesce(m.origin, m.id), m.sent, m.sender, m.host, m.attempts, m.key, m.checksum, m.body, m.place, m.due, m.expires,
    m.failed, m.failure,
    (coalesce(m.origin, m.id) & 1099511627775 IN (SELECT id FROM chat.reading WHERE reader = m.room & 16777215))::int::bigint,
    CASE WHEN m.origin IS NULL THEN $1::text ELSE $7::text END, m.id
FROM (SELECT id, due, sum(octet_length(body)) OVER (ORDER BY due, id) - octet_length(body) AS before FROM (
        SELECT m.id, m.due, m.body FROM chat.message m WHERE m.room = (SELECT number FROM chat.room WHERE name = $1::text)
            AND m.due IS NOT NULL AND (m.due, m.id) > ($2::bigint, $6::bigint) AND m.place <= $3::bigint
        ORDER BY m.due, m.id LIMIT $4::bigint) AS line) AS line
    CROSS JOIN LATERAL (SELECT * FROM chat.message one WHERE one.id = line.id OFFSET 0) AS m
WHERE line.before < $5::bigint ORDER BY line.due, line.id;

-- name: pass
SELECT chat.pass($1::bigint, $2::bigint[], $3::bigint, $4::bigint, $5::bigint = 1);

-- name: get_copies
-- The rows of the messages with the ids $1 in the room of the reader with the number $2.
SELECT m.id, m.id FROM chat.message m WHERE m.id = ANY ($1::bigint[]) AND m.room = $2::bigint
UNION ALL
SELECT m.origin, m.id FROM chat.message m WHERE m.origin IS NOT NULL AND m.origin = ANY ($1::bigint[]) AND m.room = $2::bigint;

-- name: trim
-- A reader of the open room $1 has read $2 messages.
SELECT chat.trim($1::bigint, $2::bigint, false);

-- name: drop_unseen
SELECT chat.drop_unseen($1::bigint);

-- name: open_room
SELECT chat.open($1::text, $2::bigint, $3::bigint)::int::bigint;

-- name: seek
SELECT chat.seek($1::text, $2::text, $3::bigint, $4::bigint, $5::bigint = 1, $6::bigint)::int::bigint;

-- name: end_reader
SELECT chat.end_reader($1::text, $2::text)::int::bigint;

-- name: find_in_room
-- The place of the message $2 of the room $1.
SELECT place FROM chat.message WHERE id = $2::bigint AND room = (SELECT number FROM chat.room WHERE name = $1::text) AND due IS NULL;

-- name: list_readers
-- The readers of the open room $1: how many messages each has not read, is processing, has held back and has lost;
-- whether a process is present as this reader; when it last finished a message; how far it has read; how many messages are
-- its own. If $2 is not 0, only the readers that have read the message $2.
WITH o AS MATERIALIZED (SELECT number, name FROM chat.room WHERE name = $1::text AND source = number),
    locks AS MATERIALIZED (SELECT DISTINCT reader, id FROM chat.reading),
    aim AS MATERIALIZED (SELECT place FROM chat.message WHERE id = $2::bigint AND room = (SELECT number FROM o) AND due IS NULL)
SELECT substr(r.name, length(o.name) + 2),
    (SELECT count(*) FROM chat.message m WHERE m.room = o.number AND m.due IS NULL AND m.place > r.seen
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now())))
        + (SELECT count(*) FROM chat.message m WHERE m.room = r.number AND m.due IS NULL
            AND (m.expires IS NULL OR m.expires > (SELECT chat.now())))
        + (SELECT count(*) FROM chat.message m WHERE m.room = r.number AND m.due IS NOT NULL AND m.place > 0),
    (SELECT count(*) FROM locks l WHERE l.reader = r.number & 16777215 AND l.id > 0 AND (
        EXISTS (SELECT FROM chat.message m WHERE m.id = l.id AND (m.room = r.number
            OR (m.room = o.number AND m.due IS NULL AND m.place > r.seen)))
        OR EXISTS (SELECT FROM chat.message m WHERE m.origin IS NOT NULL AND m.origin = l.id AND m.room = r.number))),
    (SELECT count(*) FROM chat.message m WHERE m.room = r.number AND m.due IS NOT NULL AND m.place > 0),
    r.missed, EXISTS (SELECT FROM locks l WHERE l.reader = r.number & 16777215 AND l.id = 0)::int::bigint, coalesce(r.last, 0), r.seen,
    (SELECT count(*) FROM chat.message m WHERE m.room = r.number)
FROM o JOIN chat.room r ON r.source = o.number AND r.number <> o.number
WHERE $2::bigint = 0 OR (r.seen >= (SELECT place FROM aim)
    AND NOT EXISTS (SELECT FROM chat.message m WHERE m.origin IS NOT NULL AND m.origin = $2::bigint AND m.room = r.number))
ORDER BY r.name;

-- name: list_reader_faults
-- The readers that read no open room, and those before the place that all readers of the room are recorded to have
-- passed (1).
SELECT r.name, (o.number IS NOT NULL)::int::bigint
FROM chat.room r LEFT JOIN chat.room o ON o.number = r.source AND o.source = o.number AND o.name = split_part(r.name, '/', 1)
WHERE strpos(r.name, '/') > 0 AND (o.number IS NULL OR r.seen IS NULL OR r.missed IS NULL OR r.seen < o.seen)
ORDER BY r.name;

-- name: repair_open
-- A room that has a reader is open. The place that all of its readers have passed is unknown.
UPDATE chat.room o SET source = o.number, seen = 0, slowest = NULL, keep = coalesce(o.keep, 1000), most = coalesce(o.most, 1000000)
WHERE strpos(o.name, '/') = 0 AND EXISTS (SELECT FROM chat.room r WHERE split_part(r.name, '/', 1) = o.name AND strpos(r.name, '/') > 0);

-- name: repair_readers
UPDATE chat.room r SET source = o.number, seen = coalesce(r.seen, 0), missed = coalesce(r.missed, 0)
FROM chat.room o WHERE o.name = split_part(r.name, '/', 1) AND strpos(r.name, '/') > 0;

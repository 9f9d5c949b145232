-- Statements of chat-spool.

-- name: set_settings
UPDATE chat.spool SET max_length = $1::bigint, default_room = $2::text;

-- name: get_size
SELECT sum(pg_total_relation_size(('chat.' || name)::regclass))::bigint
FROM unnest(ARRAY['message', 'room', 'tally', 'front', 'sent']) AS name;

-- name: list_rooms
-- The rooms that contain a message or are open, and what is in each. Each table is read once.
WITH counted AS MATERIALIZED (SELECT room, sum(depth)::bigint AS depth, sum(bytes)::bigint AS bytes
        FROM chat.tally GROUP BY room HAVING sum(depth) > 0),
    fronts AS MATERIALIZED (SELECT DISTINCT ON (room) room, first FROM chat.front
        ORDER BY room DESC, returned DESC, first DESC),
    claims AS MATERIALIZED (SELECT m.room, count(*) AS count FROM chat.message m
        WHERE m.id = ANY (ARRAY(SELECT id FROM chat.claimed)) GROUP BY m.room),
    behind AS MATERIALIZED (SELECT m.room, count(*) FILTER (WHERE m.place = 0) AS delayed,
            count(*) FILTER (WHERE m.place > 0) AS held
        FROM chat.message m WHERE m.due IS NOT NULL GROUP BY m.room),
    over AS MATERIALIZED (SELECT m.room, count(*) AS count FROM chat.message m
        WHERE m.expires IS NOT NULL AND m.expires <= (SELECT chat.now()) GROUP BY m.room)
SELECT r.name, coalesce(c.depth, 0), coalesce(c.bytes, 0), coalesce(w.count, 0), coalesce(b.delayed, 0), coalesce(b.held, 0), coalesce(o.count, 0),
    coalesce((SELECT m.sent FROM chat.message m WHERE m.room = r.number AND m.due IS NULL AND m.place >= coalesce(f.first, 0)
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now())) ORDER BY m.place LIMIT 1), 0),
    (r.source IS NOT NULL)::int::bigint, coalesce(r.keep, 0), coalesce(r.most, 0),
    CASE WHEN r.source IS NULL THEN 0 ELSE (SELECT count(*) - 1 FROM chat.room q WHERE q.source = r.number) END
FROM chat.room r LEFT JOIN counted c ON c.room = r.number LEFT JOIN fronts f ON f.room = c.room
    LEFT JOIN claims w ON w.room = c.room LEFT JOIN behind b ON b.room = c.room LEFT JOIN over o ON o.room = c.room
WHERE r.source = r.number OR (r.source IS NULL AND c.depth > 0)
ORDER BY r.name;

-- name: list_holders
-- The sessions that have claimed the messages with the ids $1: the server's process, the client's name for itself, and
-- its address, as far as this role may see them.
SELECT id, l.pid::bigint, coalesce(a.application_name, ''), coalesce(host(a.client_addr), '')
FROM unnest($1::bigint[]) AS id JOIN pg_locks l ON (l.classid::bigint & 65535) << 32 | l.objid::bigint = id & 281474976710655
        AND l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND l.classid::bigint >> 16 = 25448
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    LEFT JOIN pg_stat_activity a ON a.pid = l.pid;

-- name: lock_all
-- No other session sends or receives until our commit.
LOCK TABLE chat.tally, chat.front, chat.message IN EXCLUSIVE MODE;

-- name: list_messages
-- Messages of any room after the id $1: at most $2, until their bodies have reached $3 bytes.
SELECT m.id, m.sent, m.sender, m.host, m.attempts, m.key, m.checksum, m.body, m.place, m.due, m.expires, m.failed, m.failure, 0::bigint,
    coalesce(CASE WHEN m.origin IS NULL THEN r.name ELSE o.name END, '')
FROM (SELECT id, sum(octet_length(body)) OVER (ORDER BY id) - octet_length(body) AS before FROM (
        SELECT id, body FROM chat.message WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS line) AS line
    CROSS JOIN LATERAL (SELECT * FROM chat.message one WHERE one.id = line.id OFFSET 0) AS m LEFT JOIN chat.room r ON r.number = m.room
    LEFT JOIN chat.room o ON o.number = r.source
WHERE line.before < $3::bigint ORDER BY m.id;

-- name: list_faults
-- The rooms whose counters are wrong, or that have messages which receivers cannot reach: the counters, the numbers counted
-- from the messages, and the number of unreachable messages.
WITH counted AS MATERIALIZED (SELECT room, sum(depth)::bigint AS depth, sum(bytes)::bigint AS bytes
        FROM chat.tally GROUP BY room),
    held AS MATERIALIZED (SELECT m.room, count(*) AS depth, sum(octet_length(m.body))::bigint AS bytes,
            count(*) FILTER (WHERE m.due IS NULL AND m.place < greatest(f.first, 1)
                AND (m.expires IS NULL OR m.expires > (SELECT chat.now()))) AS hidden
        FROM chat.message m LEFT JOIN (SELECT DISTINCT ON (room) room, first FROM chat.front
            ORDER BY room DESC, returned DESC, first DESC) AS f ON f.room = m.room
        GROUP BY m.room)
SELECT r.name, coalesce(c.depth, 0), coalesce(c.bytes, 0), coalesce(h.depth, 0), coalesce(h.bytes, 0), coalesce(h.hidden, 0)
FROM chat.room r LEFT JOIN counted c ON c.room = r.number LEFT JOIN held h ON h.room = r.number
WHERE coalesce(c.depth, 0) <> coalesce(h.depth, 0) OR coalesce(c.bytes, 0) <> coalesce(h.bytes, 0) OR h.hidden > 0
ORDER BY r.name;

-- name: recount
-- Count what each room contains. The rows of chat.tally have been deleted before.
INSERT INTO chat.tally (room, epoch, depth, bytes)
SELECT m.room, 0, count(*), sum(octet_length(m.body)) FROM chat.message m GROUP BY m.room;

-- name: set_places
-- A ready message without a place gets its id as the place, as when it was sent.
UPDATE chat.message SET place = id WHERE due IS NULL AND place < 1;

-- name: reset_fronts
-- Let each room begin with its first message again.
INSERT INTO chat.front (room, returned, first)
SELECT r.number, coalesce((SELECT max(f.returned) FROM chat.front f WHERE f.room = r.number), 0) + 1, 0 FROM chat.room r;

-- name: get_last_id
-- The highest id or place of a message, and the last one that was given.
SELECT coalesce(greatest(max(id), max(place)), 0), coalesce(pg_sequence_last_value('chat.message_id'), 0)
FROM chat.message;

-- name: forget_tally
DELETE FROM chat.tally;

-- name: count_lost
-- The messages of a room that has no row.
SELECT count(*) FROM chat.message m WHERE NOT EXISTS (SELECT FROM chat.room r WHERE r.number = m.room);

-- name: set_lost
UPDATE chat.message m SET room = (SELECT number FROM chat.room WHERE name = $1::text)
WHERE NOT EXISTS (SELECT FROM chat.room r WHERE r.number = m.room);

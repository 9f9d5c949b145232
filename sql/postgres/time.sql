-- Due messages, and folding of the counters.

-- name: enter_ready
-- Take the write lock of room $1, where messages become ready. Its present owner may be waiting for a standby: wait for
-- at most a second.
SELECT pg_advisory_xact_lock_shared(7164664057193037824), pg_advisory_xact_lock(7164382582216327168 | $1::bigint)
FROM set_config('lock_timeout', '1s', true);

-- name: set_ready
-- Make due messages of room $1 ready: a held back message in its old position, a delayed one at the end. Receivers
-- begin at the first of the old positions again.
WITH line AS MATERIALIZED (
        SELECT id, CASE WHEN place > 0 THEN place ELSE nextval('chat.message_id') END AS place FROM (
            SELECT id, place FROM chat.message WHERE room = $1::bigint AND due IS NOT NULL
                AND due <= (SELECT chat.now()) ORDER BY due, id LIMIT 1024) AS line),
    ready AS (UPDATE chat.message m SET due = NULL, place = line.place FROM line
        WHERE m.id = line.id AND m.id = ANY (ARRAY(SELECT id FROM line)) AND m.room = $1::bigint AND m.due IS NOT NULL
        RETURNING m.place),
    back AS (INSERT INTO chat.front (room, returned, first)
        SELECT $1::bigint, coalesce(f.returned, 0) + 1, least(coalesce(f.first, 0), line.first)
        FROM (SELECT min(ready.place) AS first FROM ready HAVING count(*) > 0) AS line
            LEFT JOIN LATERAL (SELECT front.returned, front.first FROM chat.front
                WHERE front.room = $1::bigint ORDER BY front.returned DESC, front.first DESC LIMIT 1) AS f ON true)
SELECT count(*) FROM ready;

-- name: fold
SELECT chat.fold($1::bigint);

-- name: forget
SELECT chat.forget($1::bigint);

-- The rooms that hold a message, and what is in each. Each table is read once.
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
SELECT r.name, c.depth, c.bytes, coalesce(w.count, 0), coalesce(b.delayed, 0), coalesce(b.held, 0), coalesce(o.count, 0),
    coalesce((SELECT m.sent FROM chat.message m WHERE m.room = r.number AND m.due IS NULL AND m.place >= coalesce(f.first, 0)
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now())) ORDER BY m.place LIMIT 1), 0)
FROM counted c JOIN chat.room r ON r.number = c.room LEFT JOIN fronts f ON f.room = c.room
    LEFT JOIN claims w ON w.room = c.room LEFT JOIN behind b ON b.room = c.room LEFT JOIN over o ON o.room = c.room
ORDER BY r.name

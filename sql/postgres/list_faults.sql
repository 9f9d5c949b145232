-- The rooms whose counters are wrong, or that have messages where nobody looks: what each counts, what it holds, and
-- how many of those are hidden.
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
ORDER BY r.name

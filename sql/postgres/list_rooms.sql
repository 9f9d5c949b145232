-- The rooms that hold a message, and what is in each.
SELECT r.name, r.depth - g.depth, r.bytes - g.bytes, coalesce(c.count, 0),
    (SELECT count(*) FROM chat.message m WHERE m.room = r.number AND m.due IS NOT NULL AND m.place = 0),
    (SELECT count(*) FROM chat.message m WHERE m.room = r.number AND m.due IS NOT NULL AND m.place > 0),
    (SELECT count(*) FROM chat.message m WHERE m.room = r.number AND m.expires IS NOT NULL
        AND m.expires <= (SELECT chat.now())),
    coalesce((SELECT m.sent FROM chat.message m WHERE m.room = r.number AND m.due IS NULL AND m.place >= g.first
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now())) ORDER BY m.place LIMIT 1), 0)
FROM chat.room r
    CROSS JOIN LATERAL (SELECT coalesce(sum(gone.depth), 0)::bigint AS depth,
        coalesce(sum(gone.bytes), 0)::bigint AS bytes,
        coalesce(max(gone.first) FILTER (WHERE gone.returned = r.returned), 0) AS first
        FROM chat.gone WHERE gone.room = r.number) AS g
    LEFT JOIN (SELECT m.room, count(*) AS count FROM chat.claimed JOIN chat.message m ON m.id = claimed.id
        GROUP BY m.room) AS c ON c.room = r.number
WHERE r.depth > g.depth ORDER BY r.name

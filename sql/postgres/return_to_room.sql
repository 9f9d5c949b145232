-- Messages come to the room $1 at the position $2 or behind it, before others: receivers begin there again. The write lock of
-- the room is ours.
INSERT INTO chat.front (room, returned, first)
SELECT r.number, coalesce(f.returned, 0) + 1, least(coalesce(f.first, 0), $2::bigint)
FROM chat.room r LEFT JOIN LATERAL (SELECT front.returned, front.first FROM chat.front
    WHERE front.room = r.number ORDER BY front.returned DESC, front.first DESC LIMIT 1) AS f ON true
WHERE r.name = $1::text

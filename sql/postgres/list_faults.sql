-- The rooms whose counters are wrong, or that have messages where nobody looks: what each counts, what it holds, and
-- how many of those are hidden.
SELECT r.name, r.depth, r.bytes, r.found, r.found_bytes, r.hidden FROM (
    SELECT room.name, room.depth - g.depth AS depth, room.bytes - g.bytes AS bytes, count(m.id) AS found,
        coalesce(sum(octet_length(m.body)), 0)::bigint AS found_bytes,
        count(*) FILTER (WHERE m.due IS NULL AND m.place < greatest(g.first, 1)
            AND (m.expires IS NULL OR m.expires > (SELECT chat.now()))) AS hidden
    FROM chat.room
        CROSS JOIN LATERAL (SELECT coalesce(sum(gone.depth), 0)::bigint AS depth,
            coalesce(sum(gone.bytes), 0)::bigint AS bytes,
            coalesce(max(gone.first) FILTER (WHERE gone.returned = room.returned), 0) AS first
            FROM chat.gone WHERE gone.room = room.number) AS g
        LEFT JOIN chat.message m ON m.room = room.number
    GROUP BY room.number, g.depth, g.bytes, g.first) AS r
WHERE r.depth <> r.found OR r.bytes <> r.found_bytes OR r.hidden > 0 ORDER BY r.name

-- The same with those that are delayed or held back, up to the id $2.
SELECT line.id, line.length FROM (
    SELECT m.id, octet_length(m.body)::bigint AS length FROM chat.message m
    WHERE m.room = (SELECT number FROM chat.room
            WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool)))
        AND m.due IS NOT NULL AND m.id <= $2::bigint AND m.id <> ALL ($3::bigint[])
    ORDER BY m.due, m.id OFFSET 0) AS line
WHERE pg_try_advisory_lock(7162975207332773888 | (line.id & 281474976710655)) LIMIT $4::bigint

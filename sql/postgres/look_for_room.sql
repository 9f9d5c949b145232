-- For who is about to wait until the room $1 holds fewer messages: how many it holds, its number, and in how many
-- milliseconds the next one expires (NULL: none does).
SELECT coalesce((SELECT sum(t.depth) FROM chat.tally t WHERE t.room = room.number
        AND t.epoch = (SELECT max(e.epoch) FROM chat.tally e WHERE e.room = room.number)), 0)::bigint,
    room.number,
    (SELECT greatest(m.expires - chat.now(), 0) FROM chat.message m WHERE m.room = room.number
        AND m.expires IS NOT NULL ORDER BY m.expires LIMIT 1)
FROM chat.room WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool))

-- The messages that a room holds, and its number.
SELECT coalesce((SELECT sum(t.depth) FROM chat.tally t WHERE t.room = room.number
        AND t.epoch = (SELECT max(e.epoch) FROM chat.tally e WHERE e.room = room.number)), 0)::bigint, room.number
FROM chat.room WHERE name = $1::text

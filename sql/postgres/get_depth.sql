-- The messages that a room holds, and its number.
SELECT room.depth - coalesce((SELECT sum(gone.depth) FROM chat.gone WHERE gone.room = room.number), 0)::bigint,
    room.number
FROM chat.room WHERE name = $1::text

-- Set right what each room says of itself.
UPDATE chat.room r SET depth = c.depth, bytes = c.bytes, returned = returned + 1
FROM (SELECT room.number, count(m.id) AS depth, coalesce(sum(octet_length(m.body)), 0)::bigint AS bytes
    FROM chat.room LEFT JOIN chat.message m ON m.room = room.number GROUP BY room.number) AS c
WHERE c.number = r.number

-- The turnstile of a room: nobody else sends to it until our commit. $2 messages with $3 bytes come; $4 is 1 where one
-- may come to a place before others.
UPDATE chat.room SET depth = depth + $2::bigint, bytes = bytes + $3::bigint, returned = returned + $4::bigint
WHERE name = $1::text

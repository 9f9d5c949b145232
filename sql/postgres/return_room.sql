-- The turnstile of a room where messages come back to a place before others.
UPDATE chat.room SET returned = returned + 1 WHERE number = $1::bigint

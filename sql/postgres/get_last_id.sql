-- The highest id or place of a message, and the last that was given.
SELECT coalesce(greatest(max(id), max(place)), 0), coalesce(pg_sequence_last_value('chat.message_id'), 0)
FROM chat.message

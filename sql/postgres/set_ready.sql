-- Make ready what is due in room $1: one that was held back in its old place, one that was delayed at the end.
UPDATE chat.message m SET due = NULL, place = ready.place FROM (
    SELECT id, CASE WHEN place > 0 THEN place ELSE nextval('chat.message_id') END AS place FROM (
        SELECT id, place FROM chat.message WHERE room = $1::bigint AND due IS NOT NULL
            AND due <= (SELECT chat.now()) ORDER BY due, id LIMIT 1024) AS line OFFSET 0) AS ready
WHERE m.id = ready.id

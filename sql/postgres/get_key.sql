SELECT id FROM chat.message WHERE room = (SELECT number FROM chat.room WHERE name = $1::text) AND key = $2::text
    AND key IS NOT NULL AND (expires IS NULL OR expires > (SELECT chat.now())) ORDER BY id LIMIT 1

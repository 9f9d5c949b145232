UPDATE chat.message m SET room = (SELECT number FROM chat.room WHERE name = $1::text)
WHERE NOT EXISTS (SELECT FROM chat.room r WHERE r.number = m.room)

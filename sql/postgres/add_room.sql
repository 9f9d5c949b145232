INSERT INTO chat.room (name) SELECT $1::text WHERE NOT EXISTS (SELECT FROM chat.room WHERE name = $1::text)
ON CONFLICT (name) DO NOTHING

SELECT message.room, name, sent, sender, host, attempts, key, checksum, body
FROM message JOIN room ON room.number = message.room
WHERE id = ?1

-- As get_messages, of every message from id ?1 on, and be it damaged.
SELECT room, sent, sender, host, attempts, key, checksum, body, due, expires, place, id FROM message
WHERE id >= ?1 ORDER BY id

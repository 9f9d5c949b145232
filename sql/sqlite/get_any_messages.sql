-- As get_messages, whether they are due or not.
SELECT room, sent, sender, host, attempts, key, checksum, body, id, place, due, expires FROM message
WHERE id BETWEEN ?1 AND ?2 AND +room = ?3

-- As get_message, whether it is due or not.
SELECT room, sent, sender, host, attempts, key, checksum, body, due, expires, place FROM message
WHERE id = ?1 AND +room = ?2

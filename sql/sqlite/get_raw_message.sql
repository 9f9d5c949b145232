-- As get_messages, of whatever room, and be it damaged.
SELECT room, sent, sender, host, attempts, key, checksum, body FROM message WHERE id = ?1

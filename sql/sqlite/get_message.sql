SELECT room, sent, sender, host, attempts, key, checksum, body FROM message WHERE id = ?1

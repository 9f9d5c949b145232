-- As get_messages, where there is one: to prepare this takes 18 thousand instructions less.
SELECT room, sent, sender, host, attempts, key, checksum, body, id, place FROM message
WHERE id = ?1 AND +room = ?3 AND +due IS NULL

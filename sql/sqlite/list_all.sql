-- Every message: the columns of get_messages, and then what tells where it belongs.
SELECT position, id, room, key, expires, sent, sender, host, attempts, checksum, body, place, due FROM message ORDER BY position

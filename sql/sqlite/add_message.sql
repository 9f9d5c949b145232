INSERT INTO message (id, room, place, due, expires, sent, sender, host, attempts, key, checksum, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)

SELECT id, expires, length(body) FROM message WHERE room = ?1 AND key = ?2 AND key IS NOT NULL

UPDATE message SET room = ?2, place = ?3, due = NULL, expires = NULL, sent = ?4, sender = ?5, host = ?6,
    attempts = ?7, key = ?8, checksum = ?9, body = ?10
WHERE id = ?1

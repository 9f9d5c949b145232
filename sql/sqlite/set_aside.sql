UPDATE message SET position = ?2, id = ?3, room = NULL, place = NULL, due = NULL, expires = NULL, sent = ?4, sender = ?5,
    host = ?6, attempts = ?7, failed = NULL, failure = NULL, key = ?8, checksum = ?9, body = ?10
WHERE position = ?1

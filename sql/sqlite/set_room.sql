UPDATE message SET room = ?2, place = ?3, attempts = ?4, checksum = ?5, due = NULL, expires = NULL
WHERE id = ?1

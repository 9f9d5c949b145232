UPDATE message SET room = ?2, place = ?3, attempts = ?4, checksum = ?5, due = ?6, expires = ?7
WHERE id = ?1

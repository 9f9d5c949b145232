-- What becomes of the message at position ?1, besides its body: it fails, is due, or moves to another room.
UPDATE message SET position = ?2, id = ?3, room = ?4, place = ?5, due = ?6, expires = ?7, attempts = ?8, failed = ?9,
    failure = ?10, checksum = ?11
WHERE position = ?1

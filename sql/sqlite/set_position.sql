-- What becomes of the message at position ?16, besides its body: it fails, is due, or moves to another room. The other
-- parameters have the numbers of their columns (bind_state() in lib/sqlite/send.c).
UPDATE message SET position = ?1, id = ?2, room = ?3, place = ?5, due = ?6, expires = ?7, attempts = ?11, failed = ?12,
    failure = ?13, checksum = ?14
WHERE position = ?16

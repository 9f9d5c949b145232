-- The messages of a room behind place ?2 and up to place ?3, oldest first.
-- Read from the index alone: no body, no row is touched.
SELECT id, place FROM message
WHERE room = (SELECT number FROM room WHERE name = ?1) AND place > ?2 AND place <= ?3
ORDER BY place

-- The messages of room ?1 that are delayed or held back, behind the one with time ?2 and id ?4, and up to
-- id ?3.
SELECT id, due FROM message
WHERE room = ?1 AND due IS NOT NULL AND due >= ?2 AND (due, id) > (?2, ?4) AND id <= ?3
ORDER BY due, id

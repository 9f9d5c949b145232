-- The messages of room ?1 that wait, behind the one with time ?2 and position ?3, up to position ?4.
SELECT position, due FROM message
WHERE room = ?1 AND due >= ?2 AND (due, position) > (?2, ?3) AND position <= ?4
ORDER BY due, position

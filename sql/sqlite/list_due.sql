-- The messages of room ?1 that are due at the time ?2.
SELECT position, place FROM message WHERE room = ?1 AND due <= ?2 ORDER BY due, position

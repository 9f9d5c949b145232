SELECT id, place FROM message WHERE room = ?1 AND due IS NOT NULL AND due <= ?2 ORDER BY due, id

SELECT id, length(body) FROM message
WHERE room = ?1 AND expires IS NOT NULL AND expires <= ?2 ORDER BY expires

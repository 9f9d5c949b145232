SELECT length(body) FROM message WHERE id = ?1

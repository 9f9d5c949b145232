SELECT length(body) FROM message WHERE position = ?1

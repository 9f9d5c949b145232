UPDATE room SET max_length = ?1, default_room = ?2 WHERE number = 0

UPDATE room SET next_id = ?1 WHERE number = 0

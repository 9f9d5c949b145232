UPDATE spool SET next_id = ?1 WHERE one = 1

UPDATE message SET due = NULL, place = ?2 WHERE id = ?1

SELECT number, first, returned, next_due, depth FROM room WHERE name = ?1

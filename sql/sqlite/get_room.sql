SELECT number, first, returned, next_due, depth, name FROM room WHERE name = ?1

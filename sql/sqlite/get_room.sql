SELECT number FROM room WHERE name = ?1

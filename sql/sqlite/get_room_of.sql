SELECT number, name FROM room WHERE number = (SELECT room FROM message WHERE id = ?1)

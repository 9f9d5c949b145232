INSERT INTO room (number, name, depth, bytes, returned) VALUES (?1, ?2, 0, 0, 0)

INSERT INTO room (number, name, depth, bytes) VALUES (?1, ?2, 0, 0)

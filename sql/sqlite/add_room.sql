INSERT INTO room (name, depth, bytes) VALUES (?1, 0, 0)

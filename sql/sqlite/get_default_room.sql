-- As get_room, of the room where none is named.
SELECT number, first, returned, next_due, depth, name FROM room
WHERE name = (SELECT coalesce(default_room, 'main') FROM room WHERE number = 0)

SELECT max(number) FROM room

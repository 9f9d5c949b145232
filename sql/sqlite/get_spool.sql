SELECT next_id, max_length, default_room FROM room WHERE number = 0

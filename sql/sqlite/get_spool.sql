SELECT next_id, max_length FROM room WHERE number = 0

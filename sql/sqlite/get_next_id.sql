SELECT next_id FROM room WHERE number = 0

-- What each room says of itself.
SELECT number, name, depth, bytes, ifnull(next_due, 0), ifnull(next_expiry, 0) FROM room WHERE number > 0 ORDER BY number

-- The place and the times of the message at position ?1, and how it failed.
SELECT iif(room IS NULL, position & 1099511627775, place), due, expires, failed, failure FROM message WHERE position = ?1

-- Where the message ?1 is: waiting, in some room at the place that it got when it was sent, or where it was moved to. The
-- last of these reads all messages; the first that is found is the only one.
SELECT position FROM message WHERE position = ?1
UNION ALL
SELECT position FROM room CROSS JOIN message
WHERE number > 0 AND position = number << 40 | ?1 AND +id IS NULL
UNION ALL
SELECT position FROM message WHERE id = ?1
LIMIT 1

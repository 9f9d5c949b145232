-- A number that no room has any more, below ?1.
SELECT number + 1 FROM room AS r
WHERE number < ?1 AND NOT EXISTS (SELECT 1 FROM room WHERE number = r.number + 1) ORDER BY number LIMIT 1

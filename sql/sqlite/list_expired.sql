-- The messages at positions from ?1 to ?2, and those of room ?3 that wait (NULL: none of these), that have expired at the time ?4.
SELECT position, length(body) FROM message WHERE position BETWEEN ?1 AND ?2 AND expires <= ?4
UNION ALL
SELECT position, length(body) FROM message WHERE room = ?3 AND expires <= ?4

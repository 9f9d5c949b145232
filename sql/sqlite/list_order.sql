-- The messages of room ?1 behind place ?2, oldest first, and when each expires. Read from the index alone: no
-- body, no row is touched. To name the index, and to have those that have expired left out by
-- who reads this, halves the time to prepare it.
SELECT id, +place, +expires FROM message INDEXED BY message_order
WHERE room = ?1 AND place > ?2 AND due IS NULL ORDER BY place

-- The messages of room ?1 behind place ?2 and up to place ?3, oldest first, but those that
-- have expired at ?4. Read from the index alone: no body, no row is touched. To name the index
-- and to hide the columns of others from the planner halves the time to prepare this.
SELECT id, place FROM message INDEXED BY message_order
WHERE room = ?1 AND place > ?2 AND place <= ?3 AND due IS NULL
    AND ifnull(+expires, 9223372036854775807) > ?4
ORDER BY place

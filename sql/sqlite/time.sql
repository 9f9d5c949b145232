-- Due and expired messages.

-- name: list_due
-- The messages of room ?1 that are due at the time ?2.
SELECT position, place, ifnull(id, position) FROM message WHERE room = ?1 AND due <= ?2 ORDER BY due, position;

-- name: set_ready
-- Move the message that waits at position ?1 to position ?2. It keeps its id, which is ?3 if the position does not
-- imply it.
UPDATE message SET position = ?2, id = ?3, room = NULL, place = NULL, due = NULL WHERE position = ?1;

-- name: list_expired
-- The messages at positions from ?1 to ?2, and the waiting messages of room ?3 (NULL: none), that have expired at the
-- time ?4.
SELECT position, length(body) FROM message WHERE position BETWEEN ?1 AND ?2 AND expires <= ?4
UNION ALL
SELECT position, length(body) FROM message WHERE room = ?3 AND expires <= ?4;

-- name: delete_message
DELETE FROM message WHERE position = ?1;

-- name: set_next_expiry
-- Record that room ?1 was searched for expired messages at the time ?2. The expired messages left are claimed: look for
-- them again at the time ?3.
UPDATE room SET next_expiry = (SELECT min(iif(expires <= ?2, ?3, expires)) FROM (
        SELECT expires FROM message WHERE position BETWEEN ?1 << 40 AND ?1 << 40 | 1099511627775
        UNION ALL SELECT expires FROM message WHERE room = ?1))
WHERE number = ?1;

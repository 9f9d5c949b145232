-- The messages with ids from ?1 to ?2, whatever has become of them since these were read from the order
-- of a room: they may have gone, failed or moved.
SELECT * FROM message WHERE id BETWEEN ?1 AND ?2

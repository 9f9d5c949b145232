-- How many messages with ids from ?1 to ?2 each room holds.
SELECT room, count(*) FROM message WHERE id >= ?1 AND id <= ?2 GROUP BY room

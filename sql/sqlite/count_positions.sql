-- How many messages with positions from ?1 to ?2 each room holds.
SELECT ifnull(room, position >> 40), count(*) FROM message WHERE position BETWEEN ?1 AND ?2 GROUP BY 1

-- The messages of room ?1 with the key ?2.
SELECT ifnull(id, position & 1099511627775), expires FROM message
WHERE key = ?2 AND position BETWEEN ?1 << 40 AND ?1 << 40 | 1099511627775
UNION ALL
SELECT position, expires FROM message WHERE key = ?2 AND position < 1099511627776 AND +room = ?1

-- The messages behind position ?1, up to ?2, and when each expires.
SELECT position, expires FROM message WHERE position > ?1 AND position <= ?2 ORDER BY position

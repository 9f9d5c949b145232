SELECT expires FROM message WHERE room = ?1 AND expires IS NOT NULL ORDER BY expires LIMIT 1

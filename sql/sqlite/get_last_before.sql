-- The last message at position ?1 or before it.
SELECT max(position) FROM message WHERE position <= ?1

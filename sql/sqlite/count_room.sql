-- What came since the counters were right.
UPDATE room SET depth = depth + ?2, bytes = bytes + ?3 WHERE number = ?1

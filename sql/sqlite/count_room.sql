-- What came since the counters were right; and row 0 has a next id, to which nothing comes. (One statement
-- for both: a send has to prepare it only once.)
UPDATE room SET depth = depth + ?2, bytes = bytes + ?3, next_id = ?4 WHERE number = ?1

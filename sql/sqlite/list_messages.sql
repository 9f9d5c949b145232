-- Every message from id ?1 on.
SELECT * FROM message WHERE id >= ?1 ORDER BY id

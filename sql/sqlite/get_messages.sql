-- The messages with positions from ?1 to ?2, whatever has become of them since they were listed: they may have gone. Not all
-- columns: each takes its time.
SELECT position, id, room, key, expires, sent, sender, host, attempts, checksum, body FROM message
WHERE position BETWEEN ?1 AND ?2 ORDER BY position

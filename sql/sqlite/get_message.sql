-- What was taken for ready when its id was read may have gone, failed or moved since. (The plus signs
-- keep the planner from weighing indexes: it is found by its id.)
SELECT room, sent, sender, host, attempts, key, checksum, body FROM message
WHERE id = ?1 AND +room = ?2 AND +due IS NULL

-- The messages with ids from ?1 to ?2 in room ?3. What was taken for ready when its id was read may have
-- gone, failed or moved since. (The plus signs keep the planner from weighing indexes: they are found by
-- their ids.)
SELECT room, sent, sender, host, attempts, key, checksum, body, id, place FROM message
WHERE id BETWEEN ?1 AND ?2 AND +room = ?3 AND +due IS NULL

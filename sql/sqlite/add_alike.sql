-- The same where all of them are new, of one room (1), sender (2) and host (3), and follow the message with the highest
-- id: each has the next one then, and nothing has to be looked up.
INSERT OR FAIL INTO message (room, place, sent, sender, host, attempts, checksum, body)
SELECT ?, place, sent, ?, ?, 0, checksum, body FROM pending

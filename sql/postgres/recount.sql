-- Count what each room holds. The rows of chat.tally are gone.
INSERT INTO chat.tally (room, epoch, depth, bytes)
SELECT m.room, 0, count(*), sum(octet_length(m.body)) FROM chat.message m GROUP BY m.room

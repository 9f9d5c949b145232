-- Rooms with numbers from ?1 to ?2 that hold no message, whatever their counters say. The room with the highest number stays:
-- so no number is given to a second room, which a process that has read the first one's row would take for that.
DELETE FROM room WHERE number BETWEEN max(?1, 1) AND ?2 AND depth = 0 AND number < (SELECT max(number) FROM room)
    AND NOT EXISTS (SELECT 1 FROM message WHERE position BETWEEN number << 40 AND number << 40 | 1099511627775)
    AND NOT EXISTS (SELECT 1 FROM message WHERE room = number)

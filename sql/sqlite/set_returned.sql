-- Messages of the room came back, the first of them to place ?2.
UPDATE room SET returned = returned + 1, first = min(first, ?2),
    next_due = (SELECT due FROM message WHERE room = ?1 AND due IS NOT NULL ORDER BY due LIMIT 1)
WHERE number = ?1

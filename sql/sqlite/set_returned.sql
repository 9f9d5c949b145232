-- Messages of the room came to places before others.
UPDATE room SET returned = returned + 1, next_due = (SELECT min(due) FROM message WHERE room = ?1) WHERE number = ?1

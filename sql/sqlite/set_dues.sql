-- What is due in room ?1 at a time before all times is due now.
UPDATE message SET due = 1 WHERE room = ?1 AND due IS NOT NULL AND due < 1

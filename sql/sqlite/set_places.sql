-- What is ready in room ?1 without a place that it can have gets the one that it had when it was sent.
UPDATE message SET place = id WHERE room = ?1 AND due IS NULL AND NOT (+place BETWEEN 1 AND ?2)

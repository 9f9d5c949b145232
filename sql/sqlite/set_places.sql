-- What is ready in room ?1 without a place gets the one that it had when it was sent.
UPDATE message SET place = id WHERE room = ?1 AND due IS NULL AND place < 1

-- What is ready without a place gets the one that it had when it was sent.
UPDATE chat.message SET place = id WHERE due IS NULL AND place < 1

DELETE FROM chat.tally

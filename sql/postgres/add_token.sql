-- Nothing is added where that transaction was committed; one that is still about to be is waited for.
INSERT INTO chat.sent (token, time) VALUES ($1::uuid, chat.now()) ON CONFLICT (token) DO NOTHING

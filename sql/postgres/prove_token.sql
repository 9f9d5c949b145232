-- The token of a transaction that is tried once more. Nothing is added where the attempt before was committed; an attempt that
-- is still about to be is waited for.
INSERT INTO chat.sent (token, time) VALUES ($1::uuid, chat.now()) ON CONFLICT (token) DO NOTHING

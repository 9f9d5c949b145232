-- The token of a transaction that begins. Where another attempt at it has been committed, this fails, and all behind it.
INSERT INTO chat.sent (token, time) VALUES ($1::uuid, chat.now())

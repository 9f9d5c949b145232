-- Commit something, so that the commit waits for the standbys.
SELECT pg_logical_emit_message(true, 'chatspool', '')

SELECT version, max_length, default_room, coalesce(pg_sequence_last_value('chat.message_id'), 0) + 1, chat.now() FROM chat.spool

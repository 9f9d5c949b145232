SELECT setval('chat.message_id', $1::bigint) WHERE $1::bigint > coalesce(pg_sequence_last_value('chat.message_id'), 0)

UPDATE chat.spool SET max_length = $1::bigint, default_room = $2::text

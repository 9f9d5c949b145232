SELECT (to_regclass('chat.spool') IS NOT NULL)::int::bigint

SELECT sum(pg_total_relation_size(('chat.' || name)::regclass))::bigint
FROM unnest(ARRAY['message', 'room', 'gone', 'sent']) AS name

SELECT sum(pg_total_relation_size(('chat.' || name)::regclass))::bigint
FROM unnest(ARRAY['message', 'room', 'tally', 'front', 'sent']) AS name

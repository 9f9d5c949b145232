-- The room $1 began at the position $3 when messages had come back to it $2 times: that spares others the way there.
INSERT INTO chat.front (room, returned, first) VALUES ($1::bigint, $2::bigint, $3::bigint) ON CONFLICT DO NOTHING

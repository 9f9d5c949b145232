-- The room $1 (NULL: the default one): its number and name; how often messages came back; the position of its first message;
-- whether a message is due, and one has expired; and whether this role may delete messages.
WITH r AS MATERIALIZED (
    SELECT room.number, room.name, coalesce(f.returned, 0) AS returned, coalesce(f.first, 0) AS first
    FROM chat.room LEFT JOIN LATERAL (SELECT front.returned, front.first FROM chat.front
        WHERE front.room = room.number ORDER BY front.returned DESC, front.first DESC LIMIT 1) AS f ON true
    WHERE room.name = coalesce($1::text, (SELECT default_room FROM chat.spool)))
SELECT r.number, r.name, r.returned,
    coalesce((SELECT m.place FROM chat.message m WHERE m.room = r.number AND m.due IS NULL AND m.place >= r.first
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now())) ORDER BY m.place LIMIT 1), 0),
    EXISTS (SELECT FROM chat.message m WHERE m.room = r.number AND m.due IS NOT NULL
        AND m.due <= (SELECT chat.now()))::int::bigint,
    EXISTS (SELECT FROM chat.message m WHERE m.room = r.number AND m.expires IS NOT NULL
        AND m.expires <= (SELECT chat.now()))::int::bigint,
    has_table_privilege('chat.message', 'DELETE')::int::bigint
FROM r

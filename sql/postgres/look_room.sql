-- The room $1 (NULL: the default one): its number, name and returned; what is placed first there; whether something is
-- due, and something has expired; and whether this role may delete messages.
SELECT r.number, r.name, r.returned,
    coalesce((SELECT m.place FROM chat.message m WHERE m.room = r.number AND m.due IS NULL
        AND m.place >= coalesce((SELECT max(g.first) FROM chat.gone g
            WHERE g.room = r.number AND g.returned = r.returned), 0)
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now())) ORDER BY m.place LIMIT 1), 0),
    EXISTS (SELECT FROM chat.message m WHERE m.room = r.number AND m.due IS NOT NULL
        AND m.due <= (SELECT chat.now()))::int::bigint,
    EXISTS (SELECT FROM chat.message m WHERE m.room = r.number AND m.expires IS NOT NULL
        AND m.expires <= (SELECT chat.now()))::int::bigint,
    has_table_privilege('chat.message', 'DELETE')::int::bigint
FROM chat.room r WHERE r.name = coalesce($1::text, (SELECT default_room FROM chat.spool))

-- Messages of a room that has no row.
SELECT count(*) FROM chat.message m WHERE NOT EXISTS (SELECT FROM chat.room r WHERE r.number = m.room)

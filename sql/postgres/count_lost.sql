-- Messages of a room that there is no row of.
SELECT count(*) FROM chat.message m WHERE NOT EXISTS (SELECT FROM chat.room r WHERE r.number = m.room)

-- Rooms that are kept apart in one spool on a PostgreSQL cluster, by row-level security. A role uses the rooms whose names begin
-- with its own name and a point, such as alice.jobs, and sees no message of other rooms. A role with a point in its name has no
-- rooms: those of "alice.b" would be among those of alice. Run it after postgresql-roles.sql, as the owner of the spool.
--
--   psql -d chat -f examples/postgresql-rooms.sql
--
-- The owner of the spool and superusers see everything. Members share locks, ids and the server: a member cannot read, change or
-- forge a message of another role, but can hold its receivers up. Give a database of its own to a role that you do not trust.

\set ON_ERROR_STOP on

ALTER TABLE chat.room ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_rooms ON chat.room;
CREATE POLICY own_rooms ON chat.room USING (name LIKE '%.%' AND split_part(name, '.', 1) = current_user);

-- The inner question sees the rooms of the role alone.
ALTER TABLE chat.tally ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_rooms ON chat.tally;
CREATE POLICY own_rooms ON chat.tally USING (EXISTS (SELECT FROM chat.room r WHERE r.number = room));
ALTER TABLE chat.front ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_rooms ON chat.front;
CREATE POLICY own_rooms ON chat.front USING (EXISTS (SELECT FROM chat.room r WHERE r.number = room));

-- A message has an id and a position that the sequence has given: a higher one would use up the ids of all. A copy for a reader of an
-- open room, which the function chat.copy() has made, has an id below zero.
ALTER TABLE chat.message ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_rooms ON chat.message;
CREATE POLICY own_rooms ON chat.message USING (EXISTS (SELECT FROM chat.room r WHERE r.number = room))
    WITH CHECK (EXISTS (SELECT FROM chat.room r WHERE r.number = room)
        AND (id BETWEEN 1 AND pg_sequence_last_value('chat.message_id')
            OR (id BETWEEN -pg_sequence_last_value('chat.copy_id') AND -1 AND origin IS NOT NULL))
        AND place BETWEEN 0 AND pg_sequence_last_value('chat.message_id'));

-- Rooms that are kept apart in one spool on a PostgreSQL cluster, by row-level security: a role uses the rooms whose names begin
-- with its own name and a point, such as alice.jobs, and sees no message of others. Run it behind postgresql-roles.sql.
--
--   psql -d chat -f examples/postgresql-rooms.sql
--
-- The owner of the spool and superusers see everything.

\set ON_ERROR_STOP on

ALTER TABLE chat.room ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rooms ON chat.room
    USING (name ^@ (current_user || '.')) WITH CHECK (name ^@ (current_user || '.'));

-- A room that one may not see is in no answer to the inner question.
ALTER TABLE chat.message ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rooms ON chat.message
    USING (room IN (SELECT number FROM chat.room)) WITH CHECK (room IN (SELECT number FROM chat.room));
ALTER TABLE chat.gone ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rooms ON chat.gone
    USING (room IN (SELECT number FROM chat.room)) WITH CHECK (room IN (SELECT number FROM chat.room));

-- Roles for a spool on a PostgreSQL cluster: a member of chat_sender may send, and reads no message; a member of chat_receiver
-- may receive, and adds no message. Grant both to a role that does both.
--
--   psql -d chat -f examples/postgresql-roles.sql
--   psql -d chat -c 'GRANT chat_sender TO alice'
--
-- The owner of the spool runs it once in each database in which chat-spool init has made a spool, and again after an upgrade of
-- the spool. The owner must be allowed to make roles.

\set ON_ERROR_STOP on

SELECT count(*) = 0 AS new FROM pg_roles WHERE rolname = 'chat_sender' \gset
\if :new
CREATE ROLE chat_sender NOLOGIN;
CREATE ROLE chat_receiver NOLOGIN;
\endif

-- A claim is an advisory lock, and every role that may connect to the database can take one. So only members may connect.
SELECT current_database() AS database \gset
REVOKE CONNECT, TEMPORARY ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO chat_sender, chat_receiver;

-- Grants of an earlier run.
REVOKE ALL ON ALL TABLES IN SCHEMA chat FROM chat_sender, chat_receiver;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA chat FROM chat_sender, chat_receiver;

-- Both find the spool and the room, draw positions, and count what comes and goes.
GRANT USAGE ON SCHEMA chat TO chat_sender, chat_receiver;
GRANT SELECT ON chat.spool, chat.room, chat.tally, chat.front TO chat_sender, chat_receiver;
GRANT INSERT (name) ON chat.room TO chat_sender, chat_receiver;
GRANT INSERT ON chat.tally TO chat_sender, chat_receiver;
GRANT USAGE ON SEQUENCE chat.message_id TO chat_sender, chat_receiver;
REVOKE EXECUTE ON FUNCTION chat.fold(bigint), chat.forget(bigint), chat.trim(bigint, bigint, boolean),
    chat.copy(bigint, bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chat.fold(bigint), chat.forget(bigint), chat.trim(bigint, bigint, boolean)
    TO chat_sender, chat_receiver;

-- A sender adds messages, and sees of others whether their key is there. (chat-send -m deletes expired messages, and --drop old
-- ones. A role that may do that may delete, and so has to be a receiver, too.)
GRANT INSERT, SELECT (id, room, place, due, expires, key) ON chat.message TO chat_sender;
GRANT UPDATE (limited) ON chat.room TO chat_sender;
GRANT INSERT, SELECT (token) ON chat.sent TO chat_sender;

-- A receiver deletes the messages that it has handed over, and changes and moves failed ones, but adds none and changes no body.
GRANT SELECT, DELETE, UPDATE (id, room, place, due, expires, attempts, failed, failure, checksum, origin) ON chat.message
    TO chat_receiver;
GRANT INSERT ON chat.front TO chat_receiver;
GRANT SELECT ON chat.claimed, chat.reading TO chat_receiver;

-- It receives as a reader of an open room. Then the row of the reader changes, and chat.copy() copies a failed message for it.
GRANT INSERT (name, source, seen, missed), UPDATE (seen, slowest, missed, last) ON chat.room TO chat_receiver;
GRANT EXECUTE ON FUNCTION chat.copy(bigint, bigint[]) TO chat_receiver;
GRANT USAGE ON SEQUENCE chat.copy_id TO chat_receiver;

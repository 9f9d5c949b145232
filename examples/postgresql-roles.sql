-- Roles for a spool on a PostgreSQL cluster: who is in chat_sender may send, and read no message; who is in chat_receiver may
-- receive, and send nothing. Grant both to who does both.
--
--   psql -d chat -f examples/postgresql-roles.sql
--   psql -d chat -c 'GRANT chat_sender TO alice'
--
-- It is to be run once in each database that chat-spool init has made a spool in, by the owner of that spool, who may make roles.

\set ON_ERROR_STOP on

SELECT count(*) = 0 AS new FROM pg_roles WHERE rolname = 'chat_sender' \gset
\if :new
CREATE ROLE chat_sender NOLOGIN;
CREATE ROLE chat_receiver NOLOGIN;
\endif

-- What both need: to find the spool and the room, and to count what comes and goes.
GRANT USAGE ON SCHEMA chat TO chat_sender, chat_receiver;
GRANT SELECT ON chat.spool, chat.room, chat.gone TO chat_sender, chat_receiver;
GRANT INSERT, UPDATE ON chat.room TO chat_sender, chat_receiver;
GRANT USAGE ON SEQUENCE chat.message_id TO chat_sender, chat_receiver;

-- A sender adds messages, and sees of others whether their key is there. (chat-send -m sweeps away what has expired, and
-- --drop what is old; who may do that may delete, and so has to be a receiver, too.)
GRANT INSERT ON chat.message TO chat_sender;
GRANT SELECT (id, room, place, due, expires, key) ON chat.message TO chat_sender;
GRANT SELECT, INSERT, DELETE ON chat.sent TO chat_sender;

-- A receiver deletes what it was given, and changes what has failed, but adds nothing.
GRANT SELECT, UPDATE, DELETE ON chat.message TO chat_receiver;
GRANT INSERT, UPDATE ON chat.gone TO chat_receiver;
GRANT SELECT ON chat.claimed TO chat_receiver, chat_sender;

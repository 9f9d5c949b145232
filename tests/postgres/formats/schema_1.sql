-- The schema of format 1, for the tests of the upgrade.

CREATE SCHEMA chat;

-- One row: what holds for the spool as a whole.
CREATE TABLE chat.spool (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL,          -- of this schema
    max_length bigint NOT NULL,       -- the most bytes a body may have
    default_room text NOT NULL
);
INSERT INTO chat.spool (version, max_length, default_room) VALUES (1, 67108864, 'main');

-- Milliseconds since 1970, UTC, by the clock of the server: there is no other one.
CREATE FUNCTION chat.now() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE
    AS 'SELECT floor(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint';

-- Ids, and places, too. They are drawn by who has the row of the room locked, so in each room they ascend in the order
-- of the commits. A transaction that is rolled back leaves a gap.
CREATE SEQUENCE chat.message_id AS bigint;

-- A row for each room that ever had a message. A sender to a room holds the lock of its row until the commit: the write lock.
-- Deleted messages are counted elsewhere, so that receivers wait neither there nor for each other.
CREATE TABLE chat.room (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    depth bigint NOT NULL DEFAULT 0,     -- messages that came to it
    bytes bigint NOT NULL DEFAULT 0,     -- the sum of their bodies' lengths
    returned bigint NOT NULL DEFAULT 0,  -- counts the times that messages came (back) to a place before others
    limited boolean NOT NULL DEFAULT false -- somebody has waited until it holds fewer messages, once
) WITH (fillfactor = 50);

-- Messages that have left a room. A receiver counts in one of 16 rows, by its connection.
CREATE TABLE chat.gone (
    room bigint NOT NULL,
    slot bigint NOT NULL,
    depth bigint NOT NULL,
    bytes bigint NOT NULL,
    first bigint NOT NULL,     -- what is placed before this has gone or expired,
    returned bigint NOT NULL,  -- as long as room.returned is this
    PRIMARY KEY (room, slot)
) WITH (fillfactor = 50);

CREATE TABLE chat.message (
    id bigint PRIMARY KEY,       -- from chat.message_id; also what a claim locks
    room bigint NOT NULL,        -- room.number
    place bigint NOT NULL,       -- its place in the room: the lowest is the oldest; 0: it gets one at the room's end
                                 -- when it is due
    due bigint,                  -- not before this time: delayed or held back; NULL: ready
    expires bigint,              -- not from this time on; NULL: never
    sent bigint NOT NULL,        -- when it was sent
    sender text NOT NULL,
    host text NOT NULL,
    attempts bigint NOT NULL,    -- failed ones
    key text,
    checksum bigint NOT NULL,    -- XXH3 over room, sender, host, key and body (lib/digest.c)
    body bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0.2, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE chat.message ALTER COLUMN body SET STORAGE EXTERNAL;

-- The order of each room, and the only way a receiver looks for a message.
CREATE INDEX message_order ON chat.message (room, place) WHERE due IS NULL;

-- These hold nothing of a message that has no such time and no key.
CREATE INDEX message_due ON chat.message (room, due, id) WHERE due IS NOT NULL;
CREATE INDEX message_expires ON chat.message (room, expires) WHERE expires IS NOT NULL;
CREATE INDEX message_key ON chat.message (room, key) WHERE key IS NOT NULL;

-- The transactions of the last hour that put messages, so that a sender whose connection broke in its COMMIT can ask
-- whether that went through: its messages may have been received by then.
CREATE TABLE chat.sent (
    token uuid PRIMARY KEY,
    time bigint NOT NULL
);
CREATE INDEX sent_time ON chat.sent (time);

-- The ids of the messages being processed. A claim is a session's advisory lock: its 64 bits are 0x6368 ("ch") and the last
-- 48 bits of the id.
CREATE VIEW chat.claimed AS
    SELECT (classid::bigint & 65535) << 32 | objid::bigint AS id FROM pg_catalog.pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND classid::bigint >> 16 = 25448
        AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database());

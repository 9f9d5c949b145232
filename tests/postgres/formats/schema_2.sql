-- The schema of format 2, for the tests of the upgrade.

CREATE SCHEMA chat;

-- One row: what holds for the spool as a whole.
CREATE TABLE chat.spool (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL,          -- of this schema
    max_length bigint NOT NULL,       -- the most bytes a body may have
    default_room text NOT NULL
);
INSERT INTO chat.spool (version, max_length, default_room) VALUES (2, 67108864, 'main');

-- Milliseconds since 1970, UTC, by the clock of the server: there is no other one.
CREATE FUNCTION chat.now() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE
    AS 'SELECT floor(extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint';

-- Ids, and positions, too. A sender draws them while it holds the write lock of the room, so in each room they ascend in the
-- order of the commits. A transaction that is rolled back leaves a gap.
CREATE SEQUENCE chat.message_id AS bigint;

-- A row for each room that ever had a message. No message updates it. The write lock of a room is an advisory lock: 16 bits
-- 0x636d ("cm") and the last 48 bits of its number. A sender holds it until its commit.
CREATE TABLE chat.room (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    limited boolean NOT NULL DEFAULT false -- a sender has waited until the room holds fewer messages, once
);

-- How many messages came to a room and left it. Each transaction adds a row; chat.fold() replaces the rows of an epoch
-- by one row of the next epoch, so dead rows come before the live ones in the index, and no query passes them.
CREATE TABLE chat.tally (
    room bigint NOT NULL,
    epoch bigint NOT NULL,
    depth bigint NOT NULL,     -- messages that came, less those that left
    bytes bigint NOT NULL      -- the same for the lengths of their bodies
) WITH (fillfactor = 50, -- a full disk has space for another version of a row
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX tally_room ON chat.tally (room, epoch);

-- Where the living messages of a room begin. A receiver adds a row once in some hundred messages; the last row in the order
-- of the key counts. A message that comes back to a position before others adds a row with a higher "returned", so that a
-- receiver that has not seen the message cannot hide it.
CREATE TABLE chat.front (
    room bigint NOT NULL,
    returned bigint NOT NULL,  -- the times that messages came back
    first bigint NOT NULL,     -- ready messages before this position are gone or have expired
    PRIMARY KEY (room, returned, first)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

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

-- The transactions of the last hour that put messages. A sender whose connection broke in its COMMIT asks here whether the
-- commit went through: its messages may have been received by then.
CREATE TABLE chat.sent (
    token uuid PRIMARY KEY,
    time bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX sent_time ON chat.sent (time);

-- The ids of the messages being processed. A claim is a session's advisory lock: its 64 bits are 0x6368 ("ch") and the
-- last 48 bits of the id.
CREATE VIEW chat.claimed AS
    SELECT (classid::bigint & 65535) << 32 | objid::bigint AS id FROM pg_catalog.pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND classid::bigint >> 16 = 25448
        AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database());

-- Fold the tally of a room into one row. The write lock keeps senders out, and the lock 0x636b ("ck") receivers, so that every
-- row of the epoch is visible. Both are held for a moment: the fold itself need not wait for the disk. Anyone may call this:
-- it changes no sum.
CREATE FUNCTION chat.fold(number bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
    DECLARE present bigint;
    BEGIN
        PERFORM set_config('synchronous_commit', 'off', true);
        PERFORM pg_advisory_xact_lock(x'636d000000000000'::bigint | number);
        PERFORM pg_advisory_xact_lock(x'636b000000000000'::bigint | number);
        SELECT max(t.epoch) INTO present FROM chat.tally t WHERE t.room = number;
        WITH old AS (DELETE FROM chat.tally t WHERE t.room = number AND t.epoch = present RETURNING t.depth, t.bytes)
        INSERT INTO chat.tally (room, epoch, depth, bytes)
        SELECT number, present + 1, sum(old.depth), sum(old.bytes) FROM old HAVING count(*) > 0;
    END $$;

-- Delete the tokens of transactions that are older than an hour, from where the last call has ended, and the rows of
-- chat.front that count no more. (The rows of room 0 in chat.front are that end.)
CREATE FUNCTION chat.forget(number bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
    DECLARE edge bigint; done bigint; hour_ago bigint := chat.now() - 3600000; present chat.front;
    BEGIN
        SELECT max(f.first) INTO edge FROM chat.front f WHERE f.room = 0 AND f.returned = 0;
        WITH old AS (DELETE FROM chat.sent s WHERE s.token = ANY (ARRAY(
                SELECT o.token FROM chat.sent o WHERE o.time >= coalesce(edge, 0) AND o.time < hour_ago
                ORDER BY o.time LIMIT 1024 FOR UPDATE SKIP LOCKED)) RETURNING s.time)
        SELECT max(old.time) INTO done FROM old;
        IF done IS NOT NULL THEN
            INSERT INTO chat.front (room, returned, first) VALUES (0, 0, done) ON CONFLICT DO NOTHING;
            DELETE FROM chat.front f WHERE f.room = 0 AND f.returned = 0 AND f.first < done;
        END IF;
        SELECT * INTO present FROM chat.front f WHERE f.room = number ORDER BY f.returned DESC, f.first DESC LIMIT 1;
        DELETE FROM chat.front f WHERE f.room = number AND (f.returned, f.first) < (present.returned, present.first);
    END $$;

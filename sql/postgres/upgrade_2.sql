-- Version 2: no message updates a row. The counters of chat.room and chat.gone become rows that are appended.
LOCK TABLE chat.spool, chat.room, chat.gone, chat.message, chat.sent IN ACCESS EXCLUSIVE MODE;

-- The messages added to a room and removed from it. Each transaction adds a row; chat.fold() replaces the rows of an
-- epoch by one row of the next epoch, so dead rows come before the live ones in the index, and no query passes them.
CREATE TABLE chat.tally (
    room bigint NOT NULL,
    epoch bigint NOT NULL,
    depth bigint NOT NULL,     -- messages added minus messages removed
    bytes bigint NOT NULL      -- lengths of bodies added minus lengths removed
) WITH (fillfactor = 50, -- a full disk has space for another version of a row
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX tally_room ON chat.tally (room, epoch);

-- Where the existing messages of a room begin. A receiver adds a row once in some hundred messages; the last row in the
-- order of the key counts. A message that comes back to a position before others adds a row with a higher "returned",
-- so that a receiver that has not seen the message cannot hide it.
CREATE TABLE chat.front (
    room bigint NOT NULL,
    returned bigint NOT NULL,  -- how often messages came back
    first bigint NOT NULL,     -- no ready message before this position is left that has not expired
    PRIMARY KEY (room, returned, first)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

INSERT INTO chat.tally (room, epoch, depth, bytes)
    SELECT r.number, 0, r.depth - coalesce(sum(g.depth), 0), r.bytes - coalesce(sum(g.bytes), 0)
    FROM chat.room r LEFT JOIN chat.gone g ON g.room = r.number GROUP BY r.number;
INSERT INTO chat.front (room, returned, first)
    SELECT r.number, r.returned, coalesce(max(g.first) FILTER (WHERE g.returned = r.returned), 0)
    FROM chat.room r LEFT JOIN chat.gone g ON g.room = r.number GROUP BY r.number;
ALTER TABLE chat.room DROP COLUMN depth, DROP COLUMN bytes, DROP COLUMN returned;
DROP TABLE chat.gone;

-- Fold the tally of a room into one row. The write lock keeps senders out, and the lock 0x636b ("ck") receivers, so
-- that every row of the epoch is visible. Both are held briefly: the fold itself does not have to wait for the disk.
-- Any role may call this, because it changes no sum.
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

-- Delete the tokens of transactions that are older than an hour, starting where the last call has ended, and obsolete
-- rows of chat.front. (The rows of room 0 in chat.front record where a call has ended.)
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

UPDATE chat.spool SET version = 2;

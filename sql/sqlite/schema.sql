-- The schema of a spool, version 2. chatspool(7) tells the idea.
-- A spool whose schema differs from this text by one letter is refused.

-- Lets the file shrink; it can only be said before the first table.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA application_id = 0x63686174; -- "chat"
PRAGMA user_version = 2;

-- A row for each room that ever had a message. Row 0 is no room but the spool as a whole: it
-- holds what a send changes besides the room's own row, and so is a page that it
-- changes anyway, not one more to be written.
CREATE TABLE room (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    depth INTEGER NOT NULL,      -- messages in it, claimed ones too
    bytes INTEGER NOT NULL,      -- the sum of their bodies' lengths
    first INTEGER NOT NULL DEFAULT 0,    -- what is placed before this has gone or expired,
    returned INTEGER NOT NULL DEFAULT 0, -- unless this has changed since: it counts the times
                                         -- that messages which were held back came back
    next_due INTEGER,            -- no message that is delayed or held back is due before this
    next_id INTEGER,             -- row 0: the id of the next message; never goes back
    max_length INTEGER           -- row 0: the most bytes a body may have
    , default_room TEXT) STRICT; -- row 0: the default room; NULL: main (set as ALTER TABLE sets it)

CREATE TABLE message (
    id INTEGER PRIMARY KEY,      -- from next_id; also the byte that a claim locks
    room INTEGER NOT NULL,       -- room.number
    place INTEGER NOT NULL,      -- its place in the room: the lowest is the oldest; 0: it gets
                                 -- one at the room's end when it is due
    due INTEGER,                 -- not before this time: delayed or held back; NULL: ready
    expires INTEGER,             -- not from this time on; NULL: never
    sent INTEGER NOT NULL,       -- milliseconds since 1970, UTC
    sender TEXT NOT NULL,
    host TEXT NOT NULL,
    attempts INTEGER NOT NULL,   -- failed ones
    key TEXT,
    checksum INTEGER NOT NULL,   -- XXH3 over all that must not change (lib/digest.c)
    body BLOB NOT NULL           -- last, so that its pages are read only when it is wanted
) STRICT;

-- The order of each room, and the only way a receiver looks for a message.
CREATE INDEX message_order ON message (room, place, expires) WHERE due IS NULL;

-- These hold nothing of a message that has no such time and no key.
CREATE INDEX message_due ON message (room, due) WHERE due IS NOT NULL;
CREATE INDEX message_expires ON message (room, expires) WHERE expires IS NOT NULL;
CREATE INDEX message_key ON message (room, key) WHERE key IS NOT NULL;

INSERT INTO room (number, name, depth, bytes, next_id, max_length)
VALUES (0, '', 0, 0, 1, 67108864);

-- The schema of a spool, version 3. See chatspool(7). A spool whose schema differs from these statements in a single
-- letter is refused.

-- Lets the file shrink. This is possible only before the first table exists.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA application_id = 0x63686174; -- "chat"
PRAGMA user_version = 3;

-- A row for each room that contains a message, or contained one since the spool was compacted, and for each reader of
-- an open room, with the name ROOM/NAME. Row 0 describes the whole spool: it holds what a send changes besides the row
-- of the room, so that a send changes no additional page.
CREATE TABLE room (
    number INTEGER PRIMARY KEY,  -- up to 2^22 - 1
    name TEXT NOT NULL UNIQUE,
    depth INTEGER NOT NULL,      -- messages in it, including claimed ones
    bytes INTEGER NOT NULL,      -- the sum of their bodies' lengths
    returned INTEGER NOT NULL,   -- how often a message came to a place before others
    next_due INTEGER,            -- no message is due before this time; NULL: no message waits
    next_expiry INTEGER,         -- when to look for expired messages again; NULL: no message expires
    next_id INTEGER,             -- row 0: the id and the place of the next message; never decreases
    max_length INTEGER,          -- row 0: the greatest length of a body in bytes
    default_room TEXT,           -- row 0: the default room; NULL: main
    source INTEGER,              -- a reader: the open room that it reads; an open room: itself; a plain room: NULL
    seen INTEGER,                -- a reader: it has read the room up to this place, or copied messages to its own range;
                                 -- an open room: all readers have passed this place, perhaps by more
    slowest INTEGER,             -- an open room: the reader that had not passed SEEN at the last look
    keep INTEGER,                -- an open room: messages that stay after all readers have read them; negative: milliseconds
    most INTEGER,                -- an open room: the most messages that it contains; negative: milliseconds
    missed INTEGER,              -- a reader: messages deleted because of MOST and not reported yet
    last INTEGER                 -- a reader: when it last finished a message
) STRICT;

-- A room is a range of rows. The position of a message is number << 40 | place. Its place in the room comes from
-- next_id when the message is sent or moved there, so the first row of the range is the oldest message. A message that
-- waits for its time is outside the range of its room, in the range of row 0. Its position there is its id, or, for the
-- copy of a message that a reader holds back, a number that no message has for an id.
--
-- The range of a reader contains the messages that were sent to it only, and copies of messages that it has passed and
-- not finished, each at the place that the message has in the room. The checksum of a copy names the room to which it
-- was sent.
CREATE TABLE message (
    position INTEGER PRIMARY KEY, -- also the byte that a claim locks; for a reader, the position of its copy
    id INTEGER,                  -- NULL: the last 40 bits of the position
    room INTEGER,                -- a waiting message: room.number; otherwise NULL
    key TEXT,
    place INTEGER,               -- a message held back after a failure: where it returns; a delayed
                                 -- message: 0, it gets a place when it is due; otherwise NULL
    due INTEGER,                 -- a waiting message: not before this time; otherwise NULL
    expires INTEGER,             -- not received from this time on; NULL: never
    sent INTEGER NOT NULL,       -- milliseconds since 1970, UTC
    sender TEXT NOT NULL,
    host TEXT NOT NULL,
    attempts INTEGER NOT NULL,   -- failed attempts
    failed INTEGER,              -- when the last attempt failed; NULL: no attempt has
    failure INTEGER,             -- how it failed: an exit status, or 256 plus a signal
    checksum INTEGER NOT NULL,   -- XXH3 of everything that must not change (lib/digest.c)
    body BLOB NOT NULL           -- last, so that its pages are read only when needed
) STRICT;

-- These contain no message that is neither waiting nor has a key.
CREATE INDEX message_waiting ON message (room, due) WHERE room IS NOT NULL;
CREATE INDEX message_key ON message (key) WHERE key IS NOT NULL;

INSERT INTO room (number, name, depth, bytes, returned, next_id, max_length)
VALUES (0, '', 0, 0, 0, 1, 67108864);

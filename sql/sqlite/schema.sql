-- The schema of a spool, version 3. See chatspool(7).
-- A spool whose schema differs from this text by one letter is refused.

-- Lets the file shrink; it can only be said before the first table.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA application_id = 0x63686174; -- "chat"
PRAGMA user_version = 3;

-- A row for each room that holds a message, or held one since the spool was compacted, and for each reader of an open
-- room, by the name ROOM/NAME. Row 0 is no room but the spool
-- as a whole: it holds what a send changes besides the room's own row, and so is a page that it changes anyway, not one
-- more to be written.
CREATE TABLE room (
    number INTEGER PRIMARY KEY,  -- up to 2^22 - 1
    name TEXT NOT NULL UNIQUE,
    depth INTEGER NOT NULL,      -- messages in it, claimed ones too
    bytes INTEGER NOT NULL,      -- the sum of their bodies' lengths
    returned INTEGER NOT NULL,   -- how often messages came to a place before others
    next_due INTEGER,            -- no message of it is due before this time; NULL: none waits
    next_expiry INTEGER,         -- nobody need look for expired messages before this time; NULL: none expires
    next_id INTEGER,             -- row 0: the id of the next message, and its place; never goes back
    max_length INTEGER,          -- row 0: the most bytes a body may have
    default_room TEXT,           -- row 0: the default room; NULL: main
    source INTEGER,              -- a reader: the open room that it reads; an open room: itself; a plain room: NULL
    seen INTEGER,                -- a reader: what the room has up to this place is done, or copied to the reader's range;
                                 -- an open room: all readers are past this place, and perhaps further
    slowest INTEGER,             -- an open room: the reader that was not past SEEN when somebody last looked
    keep INTEGER,                -- an open room: messages that stay although all readers have them; below zero: milliseconds
    most INTEGER,                -- an open room: messages that it holds at most; below zero: milliseconds
    missed INTEGER,              -- a reader: messages lost to MOST that were not reported yet
    last INTEGER                 -- a reader: when it last was done with a message
) STRICT;

-- A room is a range of rows. The position of a message is number << 40 | place: its place in the room comes from next_id
-- when the message is sent or moved there, so the first row of the range is the oldest message. A message that waits for
-- its time lies outside every room, in the range of row 0: its position is its id, or where a reader holds back its copy
-- of the message, a number that no message has for an id.
--
-- A reader's range holds what was sent to it alone, and copies of messages that it is past but not done with, each at
-- the place that the message has in the room. Their checksum names the room that they were sent to.
CREATE TABLE message (
    position INTEGER PRIMARY KEY, -- also the byte that a claim locks; a reader's, the position of its copy
    id INTEGER,                  -- NULL: the last 40 bits of the position
    room INTEGER,                -- of one that waits: room.number; else NULL
    key TEXT,
    place INTEGER,               -- of one that is held back after a failure: where it returns to; of one that
                                 -- is delayed 0: it gets a place when it is due; else NULL
    due INTEGER,                 -- of one that waits: not before this time; else NULL
    expires INTEGER,             -- not from this time on; NULL: never
    sent INTEGER NOT NULL,       -- milliseconds since 1970, UTC
    sender TEXT NOT NULL,
    host TEXT NOT NULL,
    attempts INTEGER NOT NULL,   -- failed ones
    failed INTEGER,              -- when the last one failed; NULL: none has
    failure INTEGER,             -- how: an exit status, or 256 and a signal
    checksum INTEGER NOT NULL,   -- XXH3 over all that must not change (lib/digest.c)
    body BLOB NOT NULL           -- last, so that its pages are read only when it is wanted
) STRICT;

-- These hold nothing of a message that does not wait and has no key.
CREATE INDEX message_waiting ON message (room, due) WHERE room IS NOT NULL;
CREATE INDEX message_key ON message (key) WHERE key IS NOT NULL;

INSERT INTO room (number, name, depth, bytes, returned, next_id, max_length)
VALUES (0, '', 0, 0, 0, 1, 67108864);

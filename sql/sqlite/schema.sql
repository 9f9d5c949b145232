-- The schema of a spool, version 1. chatspool(7) tells the idea.
-- A spool whose schema differs from this text by one letter is refused.

-- Lets the file shrink; it can only be said before the first table.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA application_id = 0x63686174; -- "chat"
PRAGMA user_version = 1;

-- A row for each room that ever had a message. Row 0 is no room but the spool as a whole: it
-- holds what a send changes besides the room's own row, and so is a page that it
-- changes anyway, not one more to be written.
CREATE TABLE room (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    depth INTEGER NOT NULL,      -- messages in it, claimed ones too
    bytes INTEGER NOT NULL,      -- the sum of their bodies' lengths
    next_id INTEGER,             -- row 0: the id of the next message; never goes back
    max_length INTEGER           -- row 0: the most bytes a body may have
) STRICT;

CREATE TABLE message (
    id INTEGER PRIMARY KEY,      -- from next_id; also the byte that a claim locks
    room INTEGER NOT NULL,       -- room.number
    place INTEGER NOT NULL,      -- its place in the room: the lowest is the oldest
    sent INTEGER NOT NULL,       -- milliseconds since 1970, UTC
    sender TEXT NOT NULL,
    host TEXT NOT NULL,
    attempts INTEGER NOT NULL,   -- failed ones
    key TEXT,
    checksum INTEGER NOT NULL,   -- XXH3 over all that must not change (lib/digest.c)
    body BLOB NOT NULL           -- last, so that its pages are read only when it is wanted
) STRICT;

-- The order of each room, and the only way a receiver looks for a message.
CREATE INDEX message_order ON message (room, place);

INSERT INTO room VALUES (0, '', 0, 0, 1, 67108864);

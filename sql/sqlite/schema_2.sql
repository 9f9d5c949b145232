-- The definitions of version 2 of the schema, exactly as SQLite stores them. The last line of the first table is the
-- one that ALTER TABLE adds (upgrade_2.sql).
CREATE TABLE room (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    depth INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    first INTEGER NOT NULL DEFAULT 0,
    returned INTEGER NOT NULL DEFAULT 0,
    next_due INTEGER,
    next_id INTEGER,
    max_length INTEGER
    , default_room TEXT) STRICT;
CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    room INTEGER NOT NULL,
    place INTEGER NOT NULL,
    due INTEGER,
    expires INTEGER,
    sent INTEGER NOT NULL,
    sender TEXT NOT NULL,
    host TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    key TEXT,
    checksum INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX message_order ON message (room, place, expires) WHERE due IS NULL;
CREATE INDEX message_due ON message (room, due) WHERE due IS NOT NULL;
CREATE INDEX message_expires ON message (room, expires) WHERE expires IS NOT NULL;
CREATE INDEX message_key ON message (room, key) WHERE key IS NOT NULL;

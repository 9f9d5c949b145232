-- Version 2: a spool says which room is its default.
ALTER TABLE room ADD COLUMN default_room TEXT;
PRAGMA user_version = 2;

-- Debian's SQLite overwrites what it deletes: a message of 64 MiB would be written
-- again as zeros, and could not be received on a full disk.
PRAGMA secure_delete = OFF

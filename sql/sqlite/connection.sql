-- The connection and its transactions.

-- name: set_cell_size_check
-- Detect a damaged page when it is read, not after it has done harm.
PRAGMA cell_size_check = ON;

-- name: set_synchronous
-- NORMAL loses acknowledged messages at a power cut: 50 of 50 in a test.
PRAGMA synchronous = FULL;

-- name: set_secure_delete
-- Debian's SQLite overwrites deleted content: it would write a message of 64 MiB again as zeros, so that the message
-- could not be received on a full disk.
PRAGMA secure_delete = OFF;

-- name: get_application_id
PRAGMA application_id;

-- name: get_user_version
PRAGMA user_version;

-- name: get_schema
-- Everything that the file defines, in the order of its creation. That is the order of the rows, as this table cannot
-- be read in another one. ORDER BY and WHERE would make the preparation a third slower.
SELECT sql FROM sqlite_schema;

-- name: get_data_version
PRAGMA data_version;

-- name: get_next_id
SELECT next_id FROM room WHERE number = 0;

-- name: get_pages
PRAGMA page_count;

-- name: get_free_pages
PRAGMA freelist_count;

-- name: begin_read
BEGIN;

-- name: begin_write
-- Never a deferred transaction that becomes a writing one: that fails at once with SQLITE_BUSY_SNAPSHOT, whatever the
-- timeout (sqlite.org/isolation.html).
BEGIN IMMEDIATE;

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;

-- Statements of a sender.

-- name: get_key
-- The messages of room ?1 with the key ?2.
SELECT ifnull(id, position & 1099511627775), expires FROM message
WHERE key = ?2 AND position BETWEEN ?1 << 40 AND ?1 << 40 | 1099511627775
UNION ALL
SELECT position, expires FROM message WHERE key = ?2 AND position < 1099511627776 AND +room = ?1;

-- name: find_key
-- The first message of room ?1 with the key ?2 at a position after ?3, up to ?4, that has not expired at the time ?5.
SELECT position, length(body) FROM message
WHERE key = ?2 AND position > ?3 AND position <= ?4 AND ifnull(room, position >> 40) = ?1
    AND (expires IS NULL OR expires > ?5) ORDER BY position LIMIT 1;

-- name: get_length
SELECT length(body) FROM message WHERE position = ?1;

-- name: add_message
-- All columns, in the order of schema.sql: looking up their names would take a third of the preparation.
INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: get_last_position
SELECT max(position) FROM message;

-- name: add_lines
-- 64 new messages (lib/sqlite/lines.c) from position ?1 on, from sender ?2 and host ?3: for each the time, the checksum
-- and the body. After an error the caller rolls back: with ABORT, the default, SQLite would keep a journal of this
-- statement to undo it alone.
INSERT OR FAIL INTO message
SELECT ?1 + column1, NULL, NULL, NULL, NULL, NULL, NULL, column2, ?2, ?3, 0, NULL, NULL, column3, column4
@add_lines.rows

-- name: append_lines
-- 64 new messages after the last one that exists, from sender ?1 and host ?2: SQLite gives each the next position
-- without a search. A SELECT as in add_lines would copy each body once more.
INSERT OR FAIL INTO message (sent, sender, host, attempts, checksum, body)
@append_lines.rows

-- name: get_id
SELECT 1 FROM temp.ids WHERE id = ?1;

-- name: add_id
INSERT OR IGNORE INTO temp.ids VALUES (?1);

-- name: list_ids
-- Every id, in a table in memory that only this connection has.
PRAGMA temp_store = MEMORY;
CREATE TEMP TABLE IF NOT EXISTS ids (id INTEGER PRIMARY KEY);
DELETE FROM temp.ids;
INSERT OR IGNORE INTO temp.ids SELECT ifnull(id, position & 1099511627775) FROM message;

-- Every id, in a table that only this connection has, in memory.
PRAGMA temp_store = MEMORY;
CREATE TEMP TABLE IF NOT EXISTS ids (id INTEGER PRIMARY KEY);
DELETE FROM temp.ids;
INSERT OR IGNORE INTO temp.ids SELECT ifnull(id, position & 1099511627775) FROM message

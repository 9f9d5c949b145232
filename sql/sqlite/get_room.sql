-- The row of a room, or by the name '' that of the whole spool. (For a column with a plus sign SQLite does not
-- keep where it comes from: a tenth less to prepare this.)
SELECT +number, +returned, +next_due, +next_expiry, +depth, +next_id, +max_length, +default_room FROM room WHERE name = ?1

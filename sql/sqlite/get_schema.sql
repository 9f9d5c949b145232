-- Everything the file defines, in the order it was made. The whole table is
-- read on purpose: it has one row for each line of schema.sql.
SELECT sql FROM sqlite_schema WHERE rowid > 0 ORDER BY rowid

-- Everything the file defines, in the order it was made: in that of the rows, as there is no other to read
-- this table by. To say so by ORDER BY, and WHERE, would take a third more to prepare this.
SELECT sql FROM sqlite_schema

-- The same behind the last message there is, at position ?1 - 1: SQLite gives each the next position, and looks for none.
INSERT OR FAIL INTO message (id, sent, sender, host, attempts, checksum, body)
SELECT nullif(?1, ?1), column2, ?2, ?3, 0, column3, column4
@add_lines.rows

-- 64 new messages (lib/sqlite/lines.c) from position ?1 on, of sender ?2 and host ?3: of each the time, the checksum and the
-- body. After an error the caller rolls back: with ABORT, the default, SQLite would keep a journal of this statement to
-- undo it alone.
INSERT OR FAIL INTO message
SELECT ?1 + column1, NULL, NULL, NULL, NULL, NULL, NULL, column2, ?2, ?3, 0, NULL, NULL, column3, column4
@add_lines.rows

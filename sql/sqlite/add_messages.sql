-- All that are pending (lib/sqlite_pending.c). After an error the caller rolls back: with ABORT, the default,
-- SQLite would keep a journal of this statement to undo it alone.
INSERT OR FAIL INTO message SELECT * FROM pending

-- All columns, in the order of schema.sql: to look up their names would be a third of what it takes to
-- prepare this.
INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

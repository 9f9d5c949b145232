# A table in a file, used through the sqlite3 shell, with WAL and synchronous=FULL (the shell's default).
# shellcheck shell=bash disable=SC1090,SC1091,SC2016,SC2034,SC2154
sqlite3_needs=sqlite3
sqlite3_durable=yes
sqlite3_send=(sqlite3 -cmd '.timeout 30000' "$here/queue.db"
  "PRAGMA synchronous=FULL; INSERT INTO queue(body) VALUES('$message')")
sqlite3_recv=(sqlite3 -cmd '.timeout 30000' "$here/queue.db"
  'PRAGMA synchronous=FULL; DELETE FROM queue WHERE id = (SELECT min(id) FROM queue) RETURNING body')
sqlite3_start() {
  sqlite3 "$here/queue.db" 'PRAGMA journal_mode=WAL; CREATE TABLE queue(id INTEGER PRIMARY KEY, body)'
}

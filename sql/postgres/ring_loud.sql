-- Wake up those who listen to $1. A transaction with many rooms takes no lock for each.
SELECT pg_notify($1::text, '')

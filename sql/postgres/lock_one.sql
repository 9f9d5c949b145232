-- Claim one message: the number and the name of its room, and whether it was free.
SELECT r.number, r.name,
    pg_try_advisory_lock(7162975207332773888 | (m.id & 281474976710655))::int::bigint
FROM chat.message m JOIN chat.room r ON r.number = m.room WHERE m.id = $1::bigint

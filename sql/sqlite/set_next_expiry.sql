-- Room ?1 was looked through for expired messages at the time ?2. What is left of those is claimed: look for it again
-- at the time ?3.
UPDATE room SET next_expiry = (SELECT min(iif(expires <= ?2, ?3, expires)) FROM (
        SELECT expires FROM message WHERE position BETWEEN ?1 << 40 AND ?1 << 40 | 1099511627775
        UNION ALL SELECT expires FROM message WHERE room = ?1))
WHERE number = ?1

-- A message of the room is due at ?2, or expires at ?3; NULL: none is, none does.
UPDATE room SET next_due = min(ifnull(next_due, ?2), ifnull(?2, next_due)),
    next_expiry = min(ifnull(next_expiry, ?3), ifnull(?3, next_expiry))
WHERE number = ?1

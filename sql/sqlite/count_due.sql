-- A message of the room is due at ?2.
UPDATE room SET next_due = min(coalesce(next_due, ?2), ?2) WHERE number = ?1

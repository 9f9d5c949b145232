-- The message that waits at position ?1 gets position ?2, and keeps its id, which ?3 is where the position does not tell it.
UPDATE message SET position = ?2, id = ?3, room = NULL, place = NULL, due = NULL WHERE position = ?1

-- Whether the order of room ?1 has message ?3 at place ?2, and the row of that message says another place. Found in the
-- index alone; the row is another look at the table, which the plus sign keeps from using that index.
SELECT 1 FROM message AS entry INDEXED BY message_order JOIN message AS row ON row.id = entry.id
WHERE entry.room = ?1 AND entry.place = ?2 AND entry.due IS NULL AND entry.id = ?3 AND +row.place <> ?2

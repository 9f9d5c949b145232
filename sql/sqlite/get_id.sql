SELECT 1 FROM temp.ids WHERE id = ?1

-- What lies in the range of a room does not wait.
UPDATE message SET room = NULL, place = NULL, due = NULL
WHERE position > 1099511627775 AND (room IS NOT NULL OR place IS NOT NULL OR due IS NOT NULL)

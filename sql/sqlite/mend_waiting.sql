-- What waits has a time to wait for, and a place to return to or none.
UPDATE message SET due = max(ifnull(due, 1), 1), place = max(ifnull(place, 0), 0), id = NULL
WHERE position < 1099511627776

-- Set right what each room says of itself. (Two sums, as no index has all messages of a room.)
UPDATE room SET
    depth = (SELECT count(*) FROM message WHERE room = number AND due IS NULL)
        + (SELECT count(*) FROM message WHERE room = number AND due IS NOT NULL),
    bytes = (SELECT ifnull(sum(length(body)), 0) FROM message WHERE room = number AND due IS NULL)
        + (SELECT ifnull(sum(length(body)), 0) FROM message WHERE room = number AND due IS NOT NULL),
    first = 0,
    returned = returned + 1,
    next_due = (SELECT due FROM message WHERE room = number AND due IS NOT NULL ORDER BY due LIMIT 1)
WHERE number > 0

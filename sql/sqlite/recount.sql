-- Set right what each room says of itself.
UPDATE room SET
    depth = (SELECT count(*) FROM message WHERE position BETWEEN number << 40 AND number << 40 | 1099511627775)
        + (SELECT count(*) FROM message WHERE room = number),
    bytes = (SELECT ifnull(sum(length(body)), 0) FROM message WHERE position BETWEEN number << 40 AND number << 40 | 1099511627775)
        + (SELECT ifnull(sum(length(body)), 0) FROM message WHERE room = number),
    returned = returned + 1,
    next_due = (SELECT min(due) FROM message WHERE room = number),
    next_expiry = (SELECT min(expires) FROM (
        SELECT expires FROM message WHERE position BETWEEN number << 40 AND number << 40 | 1099511627775
        UNION ALL SELECT expires FROM message WHERE room = number))
WHERE number > 0

-- The turnstile of a room where messages come back to a place before others. Who has it now may wait for a standby: not
-- for longer than a second.
UPDATE chat.room SET returned = returned + 1 FROM set_config('lock_timeout', '1s', true) WHERE number = $1::bigint

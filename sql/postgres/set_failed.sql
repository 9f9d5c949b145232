-- The work on these messages has failed: their attempts so far, and hold them back for $3 milliseconds.
UPDATE chat.message m SET attempts = f.attempts, due = CASE WHEN $3::bigint > 0 THEN chat.now() + $3::bigint END
FROM unnest($1::bigint[], $2::bigint[]) AS f (id, attempts) WHERE m.id = f.id AND m.id = ANY ($1::bigint[]) AND m.room = $4::bigint

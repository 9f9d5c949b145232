-- The positions of the messages with the ids $1 that are ready.
SELECT id, place FROM chat.message WHERE id = ANY ($1::bigint[]) AND due IS NULL

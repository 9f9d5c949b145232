UPDATE chat.room SET limited = true WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool))
    AND NOT limited

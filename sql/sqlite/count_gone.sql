-- What has gone. Who saw that ?5 was the first place of the room, when ?4 times messages had
-- come back to it, spares others the way there; if more came back since, one may stand before it.
UPDATE room SET depth = depth - ?2, bytes = bytes - ?3,
    first = CASE WHEN returned = ?4 THEN max(first, ?5) ELSE first END
WHERE number = ?1

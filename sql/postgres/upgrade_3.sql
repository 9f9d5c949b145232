-- Version 3: a message has the time and the status of its last failure, and rooms can be open. A role that may update
-- the count of failures may also update these columns.
ALTER TABLE chat.message ADD COLUMN failed bigint, ADD COLUMN failure bigint;
DO $$
    DECLARE role text;
    BEGIN
        FOR role IN SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
            FROM pg_catalog.pg_attribute t CROSS JOIN LATERAL pg_catalog.aclexplode(t.attacl) AS a
            WHERE t.attrelid = 'chat.message'::regclass AND t.attname = 'attempts' AND a.privilege_type = 'UPDATE'
        LOOP
            EXECUTE 'GRANT UPDATE (failed, failure) ON chat.message TO ' || role;
        END LOOP;
    END $$;

-- Open rooms and their readers.
ALTER TABLE chat.room SET (fillfactor = 50);
ALTER TABLE chat.room ADD COLUMN source bigint, ADD COLUMN seen bigint, ADD COLUMN slowest bigint, ADD COLUMN keep bigint,
    ADD COLUMN most bigint, ADD COLUMN missed bigint, ADD COLUMN last bigint;
CREATE INDEX room_source ON chat.room (source) WHERE source IS NOT NULL;
ALTER TABLE chat.message ADD COLUMN origin bigint;
CREATE INDEX message_origin ON chat.message (origin, room) WHERE origin IS NOT NULL;
CREATE SEQUENCE chat.copy_id AS bigint;
@readers.part

UPDATE chat.spool SET version = 3;

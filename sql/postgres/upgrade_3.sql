-- Version 3: a message has the time and the status of its last failure. Who may update the count may update these.
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
UPDATE chat.spool SET version = 3;

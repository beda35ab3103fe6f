#!/bin/sh
# Patroni calls this once, after bootstrap, with a connection string.
exec psql -X -q -v ON_ERROR_STOP=1 -d "$1" <<'SQL'
DO $$
DECLARE wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['admin', 'zalandos', 'robot_zmon'] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = wanted) THEN EXECUTE format('CREATE ROLE %I NOLOGIN', wanted); END IF;
  END LOOP;
END $$;
SQL

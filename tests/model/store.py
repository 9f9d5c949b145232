"""Spools on the PostgreSQL cluster of tests/postgres, whose clock is a row in each database."""

import os
import subprocess

# The function that chat-spool calls for the time, and the one that a session calls once, to find out how far the server's clock is ahead.
CLOCK = """
CREATE SCHEMA model;
CREATE TABLE model.clock (milliseconds bigint);
INSERT INTO model.clock VALUES (0);
CREATE OR REPLACE FUNCTION chat.now() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE
    AS 'SELECT milliseconds FROM model.clock';
CREATE FUNCTION model.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT pg_catalog.to_timestamp(milliseconds / 1000.0) FROM model.clock';
GRANT USAGE ON SCHEMA model TO chat;
GRANT SELECT ON model.clock TO chat;
"""


class Store:
    """Creates databases, each a copy of one with an empty spool."""

    def __init__(self, cluster, postgres):
        self.cluster, self.psql = cluster, f"{postgres}/psql"
        self.ports = [self.read(f"node{n}/port") for n in (1, 2, 3)]
        self.template = f"model_{os.getpid()}"
        self.count, self.databases = 0, []
        self.sql("postgres", f"CREATE DATABASE {self.template} TEMPLATE fresh OWNER chat STRATEGY file_copy")
        self.sql(self.template, *CLOCK.strip().split(";\n"))

    def read(self, name):
        with open(f"{self.cluster}/{name}") as file:
            return file.read().strip()

    def sql(self, database, *statements):
        argv = [self.psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", f"{self.cluster}/sockets", "-p", self.ports[0]]
        argv += ["-U", "postgres", "-d", database]
        # No test relies on these commits.
        for statement in ("SET synchronous_commit = local", *statements):
            argv += ["-c", statement.strip(";\n")]
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, env=environment)

    def new(self, now):
        self.count += 1
        name = f"{self.template}_{self.count}"
        self.sql(
            "postgres",
            f"CREATE DATABASE {name} TEMPLATE {self.template} OWNER chat STRATEGY file_copy",
            f"ALTER DATABASE {name} SET search_path = model, pg_catalog",
        )
        self.databases.append(name)
        self.set_clock(now)
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"postgresql://chat@{hosts}/{name}?target_session_attrs=read-write"

    def set_clock(self, now):
        for name in self.databases:
            self.sql(name, f"UPDATE model.clock SET milliseconds = {now}")

    def drop(self):
        """Delete the databases of the last history."""
        self.sql("postgres", *[f"DROP DATABASE {name} WITH (FORCE)" for name in self.databases])
        self.databases = []

    def close(self):
        self.sql("postgres", f"DROP DATABASE {self.template} WITH (FORCE)")

-- Never a deferred transaction that turns into a writing one: that fails at once
-- with SQLITE_BUSY_SNAPSHOT, whatever the time-out (sqlite.org/isolation.html).
BEGIN IMMEDIATE

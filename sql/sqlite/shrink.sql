-- Each step gives one page back to the file system, up to as many as are stepped to.
PRAGMA incremental_vacuum

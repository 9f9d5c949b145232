-- NORMAL loses acknowledged messages at a power cut: 50 of 50 in a test.
PRAGMA synchronous = FULL

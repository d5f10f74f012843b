-- The key by which cursors and event ids are sealed (see threads/db/seals.py): one row.
CREATE TABLE threads_secret (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    key BLOB NOT NULL
);

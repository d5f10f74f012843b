-- Those who may come in by the network. Times are milliseconds since 1970, UTC.
CREATE TABLE threads_user (
    name TEXT PRIMARY KEY,                        -- the owner of the threads they begin
    is_admin INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- What they show at the door; only its hash is kept. A token has 256 random bits, so a plain hash is enough.
CREATE TABLE threads_token (
    token_id TEXT PRIMARY KEY,
    name TEXT NOT NULL REFERENCES threads_user (name) ON DELETE CASCADE,
    hash BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,                           -- token, session
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    parent_id TEXT REFERENCES threads_token (token_id) ON DELETE CASCADE  -- of a session: what it was begun with
) WITHOUT ROWID;

CREATE INDEX threads_token_by_user ON threads_token (name);
CREATE INDEX threads_session_by_token ON threads_token (parent_id) WHERE parent_id IS NOT NULL;

-- Threads that were begun by a request with a key; the id follows from the key. Kept when the thread is gone,
-- so that the request does not begin it again, but for what was asked.
CREATE TABLE threads_begun_once (
    thread_id TEXT PRIMARY KEY,
    digest BLOB
) WITHOUT ROWID;

CREATE TRIGGER threads_begun_once_gone AFTER DELETE ON threads_thread
BEGIN
    UPDATE threads_begun_once SET digest = NULL WHERE thread_id = OLD.thread_id;
END;

-- Changes of the lists of threads, for those who follow them live; rows are deleted after a minute. Unlike events they
-- say only which thread is to be read again, so a change by any process, and a deletion, has its row.
CREATE TABLE threads_change (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,     -- never reused
    thread_id TEXT NOT NULL,
    owner TEXT,                                   -- whose list changed
    change TEXT NOT NULL,                         -- updated, read, removed
    reader TEXT,                                  -- of a read mark: the user who read
    changed_at INTEGER NOT NULL
);

CREATE TRIGGER threads_change_trim AFTER INSERT ON threads_change
BEGIN
    DELETE FROM threads_change WHERE serial IN (
        SELECT serial FROM (SELECT serial, changed_at FROM threads_change ORDER BY serial LIMIT 10)
        WHERE changed_at < NEW.changed_at - 60000);
END;

CREATE TRIGGER threads_change_insert AFTER INSERT ON threads_thread
BEGIN
    INSERT INTO threads_change (thread_id, owner, change, changed_at)
    VALUES (NEW.thread_id, NEW.owner, 'updated', CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER));
END;

CREATE TRIGGER threads_change_update
AFTER UPDATE OF head_id, status, title, model_title, agent_id, owner, metadata, pinned, archived, trashed_at
ON threads_thread
WHEN NEW.head_id IS NOT OLD.head_id OR NEW.status <> OLD.status OR NEW.title IS NOT OLD.title
    OR NEW.model_title IS NOT OLD.model_title OR NEW.agent_id IS NOT OLD.agent_id OR NEW.owner IS NOT OLD.owner
    OR NEW.metadata <> OLD.metadata OR NEW.pinned <> OLD.pinned OR NEW.archived <> OLD.archived
    OR NEW.trashed_at IS NOT OLD.trashed_at
BEGIN
    INSERT INTO threads_change (thread_id, owner, change, changed_at)
    SELECT OLD.thread_id, OLD.owner, 'removed', CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
    WHERE NEW.owner IS NOT OLD.owner;
    INSERT INTO threads_change (thread_id, owner, change, changed_at)
    VALUES (NEW.thread_id, NEW.owner, 'updated', CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER));
END;

CREATE TRIGGER threads_change_delete AFTER DELETE ON threads_thread
BEGIN
    DELETE FROM threads_change WHERE thread_id = OLD.thread_id;
    INSERT INTO threads_change (thread_id, owner, change, changed_at)
    VALUES (OLD.thread_id, OLD.owner, 'removed', CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER));
END;

CREATE TRIGGER threads_change_tag_insert AFTER INSERT ON threads_tag
BEGIN
    INSERT INTO threads_change (thread_id, owner, change, changed_at)
    SELECT thread_id, owner, 'updated', CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
    FROM threads_thread WHERE thread_id = NEW.thread_id;
END;

CREATE TRIGGER threads_change_tag_delete AFTER DELETE ON threads_tag
BEGIN
    INSERT INTO threads_change (thread_id, owner, change, changed_at)
    SELECT thread_id, owner, 'updated', CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
    FROM threads_thread WHERE thread_id = OLD.thread_id;
END;

CREATE TRIGGER threads_change_mark_insert AFTER INSERT ON threads_read_mark
BEGIN
    INSERT INTO threads_change (thread_id, owner, change, reader, changed_at)
    SELECT thread_id, owner, 'read', NEW.reader, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
    FROM threads_thread WHERE position = NEW.position;
END;

CREATE TRIGGER threads_change_mark_update AFTER UPDATE OF last_read_id ON threads_read_mark
WHEN NEW.last_read_id <> OLD.last_read_id
BEGIN
    INSERT INTO threads_change (thread_id, owner, change, reader, changed_at)
    SELECT thread_id, owner, 'read', NEW.reader, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
    FROM threads_thread WHERE position = NEW.position;
END;

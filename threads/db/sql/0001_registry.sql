-- The checkpointer's own tables, column for column as the stock SqliteSaver makes them.
CREATE TABLE IF NOT EXISTS checkpoints (
    thread_id TEXT NOT NULL,
    checkpoint_ns TEXT NOT NULL DEFAULT '',
    checkpoint_id TEXT NOT NULL,
    parent_checkpoint_id TEXT,
    type TEXT,
    checkpoint BLOB,
    metadata BLOB,
    PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id)
);

CREATE TABLE IF NOT EXISTS writes (
    thread_id TEXT NOT NULL,
    checkpoint_ns TEXT NOT NULL DEFAULT '',
    checkpoint_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    task_path TEXT NOT NULL DEFAULT '',
    idx INTEGER NOT NULL,
    channel TEXT NOT NULL,
    type TEXT,
    value BLOB,
    PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
);

-- One row a thread. Times are milliseconds since 1970, UTC.
CREATE TABLE threads_thread (
    position INTEGER PRIMARY KEY,                 -- order of creation
    thread_id TEXT NOT NULL UNIQUE,
    -- the ledger: kept by the triggers below
    activity INTEGER NOT NULL,                    -- order of last activity, never a clock's
    head_id TEXT,                                 -- the checkpoint written last; NULL before the first
    status TEXT NOT NULL DEFAULT 'idle',
    created_at INTEGER,
    updated_at INTEGER,
    late INTEGER NOT NULL DEFAULT 1,             -- 0: no thread had a later time when this one's was set
    revision INTEGER NOT NULL DEFAULT (random()), -- another one whenever what the head is made of is changed
    -- what a user owns: never touched by a projection
    title TEXT,
    model_title TEXT,                             -- a model's; only where none was set by hand
    agent_id TEXT,
    owner TEXT,
    metadata TEXT NOT NULL DEFAULT '{}',
    pinned INTEGER NOT NULL DEFAULT 0,
    archived INTEGER NOT NULL DEFAULT 0,
    trashed_at INTEGER,
    -- the projection: what the checkpoint projected_id says in a person's words
    projected_id TEXT,
    auto_title TEXT NOT NULL DEFAULT 'New conversation',
    preview TEXT,
    message_count INTEGER DEFAULT 0
);

CREATE TABLE threads_tag (
    thread_id TEXT NOT NULL REFERENCES threads_thread (thread_id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (thread_id, tag)
) WITHOUT ROWID;

-- Where messages came from, of those whose first checkpoints were pruned.
CREATE TABLE threads_message (
    thread_id TEXT NOT NULL REFERENCES threads_thread (thread_id) ON DELETE CASCADE,
    message_id TEXT NOT NULL,
    created_at INTEGER,
    run_id TEXT,
    PRIMARY KEY (thread_id, message_id)
) WITHOUT ROWID;

-- Ids whose conversation was deleted: a run that was in flight then cannot bring it back.
CREATE TABLE threads_tombstone (
    thread_id TEXT PRIMARY KEY,
    deleted_at INTEGER NOT NULL
) WITHOUT ROWID;

-- indexes

CREATE INDEX threads_by_activity ON threads_thread (activity);
CREATE INDEX threads_in_sight ON threads_thread (activity) WHERE trashed_at IS NULL AND archived = 0;
CREATE INDEX threads_by_owner ON threads_thread (owner, activity) WHERE owner IS NOT NULL;
CREATE INDEX threads_by_agent ON threads_thread (agent_id, activity) WHERE agent_id IS NOT NULL;
CREATE INDEX threads_pinned ON threads_thread (activity) WHERE pinned = 1;
CREATE INDEX threads_archived ON threads_thread (activity) WHERE archived = 1;
CREATE INDEX threads_trashed ON threads_thread (activity) WHERE trashed_at IS NOT NULL;
CREATE INDEX threads_not_idle ON threads_thread (status, activity) WHERE status <> 'idle';
CREATE INDEX threads_stale ON threads_thread (activity) WHERE head_id IS NOT projected_id;
CREATE INDEX threads_tagged ON threads_tag (tag, thread_id);

-- triggers: pure SQL, for they run in every process that writes this file

-- The outer INSERT OR REPLACE overrides conflict clauses in here, so no statement below can conflict.
-- BEFORE, because only then is it still to be seen whether this checkpoint was stored already:
-- storing one again must not make it the head.
CREATE TRIGGER threads_ledger BEFORE INSERT ON checkpoints WHEN NEW.checkpoint_ns = ''
BEGIN
    INSERT INTO threads_thread (thread_id, activity, created_at)
    SELECT NEW.thread_id, 0, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
    WHERE NOT EXISTS (SELECT 1 FROM threads_thread WHERE thread_id = NEW.thread_id);
    UPDATE threads_thread
    SET head_id = CASE
            WHEN EXISTS (
                SELECT 1 FROM checkpoints
                WHERE thread_id = NEW.thread_id AND checkpoint_ns = '' AND checkpoint_id = NEW.checkpoint_id
            ) THEN head_id ELSE NEW.checkpoint_id END,
        revision = CASE
            WHEN EXISTS (
                SELECT 1 FROM checkpoints
                WHERE thread_id = NEW.thread_id AND checkpoint_ns = '' AND checkpoint_id = NEW.checkpoint_id
            ) THEN random() ELSE revision END,
        projected_id = CASE WHEN projected_id IS NOT NEW.checkpoint_id THEN projected_id END,
        activity = CASE
            WHEN activity > 0 AND activity = (SELECT max(activity) FROM threads_thread) THEN activity
            ELSE (SELECT max(activity) FROM threads_thread) + 1 END,
        updated_at = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER),
        late = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
            < coalesce((SELECT max(updated_at) FROM threads_thread), 0),
        agent_id = coalesce(agent_id, CASE
            WHEN NOT json_valid(CAST(NEW.metadata AS TEXT)) THEN NULL
            WHEN json_type(CAST(NEW.metadata AS TEXT), '$.agent_id') = 'text'
            THEN json_extract(CAST(NEW.metadata AS TEXT), '$.agent_id') END),
        status = coalesce((
            SELECT CASE channel WHEN '__interrupt__' THEN 'interrupted' ELSE 'error' END FROM writes
            WHERE thread_id = NEW.thread_id AND checkpoint_ns = '' AND checkpoint_id = NEW.checkpoint_id
              AND channel IN ('__interrupt__', '__error__') ORDER BY channel DESC LIMIT 1), 'idle')
    WHERE thread_id = NEW.thread_id;
END;

-- Under durability "exit" a first run's subgraphs are stored before its own checkpoint.
CREATE TRIGGER threads_begun BEFORE INSERT ON checkpoints
WHEN NEW.checkpoint_ns <> ''
    AND NOT EXISTS (SELECT 1 FROM threads_thread WHERE thread_id = NEW.thread_id)
    AND NOT EXISTS (SELECT 1 FROM threads_tombstone WHERE thread_id = NEW.thread_id)
BEGIN
    INSERT INTO threads_thread (thread_id, activity, created_at)
    SELECT NEW.thread_id, coalesce(max(activity), 0) + 1, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
    FROM threads_thread;
END;

-- A question or an error of the head; it may be stored before the head itself.
CREATE TRIGGER threads_status AFTER INSERT ON writes
WHEN NEW.checkpoint_ns = '' AND NEW.channel IN ('__interrupt__', '__error__')
BEGIN
    UPDATE threads_thread
    SET status = CASE NEW.channel WHEN '__interrupt__' THEN 'interrupted' ELSE 'error' END
    WHERE thread_id = NEW.thread_id AND head_id = NEW.checkpoint_id;
END;

-- ROLLBACK, because after ABORT a stock AsyncSqliteSaver stays in its transaction and locks everybody out.
CREATE TRIGGER threads_stay_deleted BEFORE INSERT ON checkpoints
WHEN NEW.parent_checkpoint_id IS NOT NULL
    AND EXISTS (SELECT 1 FROM threads_tombstone WHERE thread_id = NEW.thread_id)
    AND NOT EXISTS (
        SELECT 1 FROM checkpoints
        WHERE thread_id = NEW.thread_id AND checkpoint_ns = NEW.checkpoint_ns
          AND checkpoint_id = NEW.parent_checkpoint_id)
BEGIN
    SELECT RAISE(ROLLBACK, 'threads: deleted');
END;

-- The last checkpoint takes the thread with it, whoever deletes (foreign keys may be off over there).
CREATE TRIGGER threads_gone AFTER DELETE ON checkpoints
WHEN OLD.checkpoint_ns = ''
    AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE thread_id = OLD.thread_id AND checkpoint_ns = '')
BEGIN
    INSERT INTO threads_tombstone (thread_id, deleted_at)
    SELECT OLD.thread_id, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
    WHERE NOT EXISTS (SELECT 1 FROM threads_tombstone WHERE thread_id = OLD.thread_id);
    DELETE FROM threads_tag WHERE thread_id = OLD.thread_id;
    DELETE FROM threads_message WHERE thread_id = OLD.thread_id;
    DELETE FROM threads_event WHERE thread_id = OLD.thread_id;
    DELETE FROM threads_run WHERE thread_id = OLD.thread_id;
    DELETE FROM threads_thread WHERE thread_id = OLD.thread_id;
END;

-- Where only the head was deleted, the one written before it is the head again.
CREATE TRIGGER threads_head_gone AFTER DELETE ON checkpoints
WHEN OLD.checkpoint_ns = ''
    AND EXISTS (SELECT 1 FROM checkpoints WHERE thread_id = OLD.thread_id AND checkpoint_ns = '')
BEGIN
    UPDATE threads_thread
    SET status = 'idle',
        head_id = (
            SELECT checkpoint_id FROM checkpoints WHERE thread_id = OLD.thread_id AND checkpoint_ns = ''
            ORDER BY rowid DESC LIMIT 1)
    WHERE thread_id = OLD.thread_id AND head_id = OLD.checkpoint_id;
END;

-- A turn stores its results at the head and its checkpoints after it. Anything else alters what went
-- before, which whoever keeps that in memory sees by the revision.

CREATE TRIGGER threads_late_result AFTER INSERT ON writes WHEN NEW.checkpoint_ns = ''
BEGIN
    UPDATE threads_thread SET revision = random()
    WHERE thread_id = NEW.thread_id AND head_id IS NOT NEW.checkpoint_id;
END;

CREATE TRIGGER threads_changed_result AFTER UPDATE ON writes WHEN OLD.checkpoint_ns = ''
BEGIN
    UPDATE threads_thread SET revision = random() WHERE thread_id IN (OLD.thread_id, NEW.thread_id);
END;

CREATE TRIGGER threads_deleted_result AFTER DELETE ON writes WHEN OLD.checkpoint_ns = ''
BEGIN
    UPDATE threads_thread SET revision = random() WHERE thread_id = OLD.thread_id;
END;

CREATE TRIGGER threads_changed_checkpoint AFTER UPDATE ON checkpoints WHEN OLD.checkpoint_ns = ''
BEGIN
    UPDATE threads_thread SET revision = random() WHERE thread_id IN (OLD.thread_id, NEW.thread_id);
END;

CREATE TRIGGER threads_deleted_checkpoint AFTER DELETE ON checkpoints WHEN OLD.checkpoint_ns = ''
BEGIN
    UPDATE threads_thread SET revision = random() WHERE thread_id = OLD.thread_id;
END;

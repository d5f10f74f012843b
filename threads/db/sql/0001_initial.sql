-- The tables, indexes, views and triggers of the registry. Never edited once it is on main: every later change is a
-- migration of its own. Times are milliseconds since 1970, UTC. Triggers are pure SQL: they run in every process that
-- writes this file, also in one that only knows the stock saver.

-- The saver's own tables, column for column as the stock SqliteSaver creates them.
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

-- Threads.
CREATE TABLE threads_thread (
    position INTEGER PRIMARY KEY,                 -- order of creation
    thread_id TEXT NOT NULL UNIQUE,
    -- maintained by the ledger triggers below
    activity INTEGER NOT NULL,                    -- order of last activity; a sequence, not a time
    head_id TEXT,                                 -- the newest checkpoint; NULL before the first
    status TEXT NOT NULL DEFAULT 'idle',
    created_at INTEGER,
    updated_at INTEGER,
    is_out_of_order INTEGER NOT NULL DEFAULT 1,   -- 0: no thread had a later updated_at when this one's was set
    revision INTEGER NOT NULL DEFAULT (random()), -- changes whenever something before the head is changed
    -- set by users; never changed by a projection
    title TEXT,
    model_title TEXT,                             -- made by a model; only where none was set by hand
    agent_id TEXT,
    owner TEXT,
    metadata TEXT NOT NULL DEFAULT '{}',
    pinned INTEGER NOT NULL DEFAULT 0,
    archived INTEGER NOT NULL DEFAULT 0,
    trashed_at INTEGER,
    -- the projection: derived from checkpoint projected_id; stale where that is not head_id
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

-- Time and run of messages whose first checkpoints were pruned.
CREATE TABLE threads_message_origin (
    thread_id TEXT NOT NULL REFERENCES threads_thread (thread_id) ON DELETE CASCADE,
    message_id TEXT NOT NULL,
    created_at INTEGER,
    run_id TEXT,
    PRIMARY KEY (thread_id, message_id)
) WITHOUT ROWID;

-- Ids of deleted threads: a run that is still active cannot bring one back.
CREATE TABLE threads_tombstone (
    thread_id TEXT PRIMARY KEY,
    deleted_at INTEGER NOT NULL
) WITHOUT ROWID;

-- indexes

CREATE INDEX threads_by_activity ON threads_thread (activity);
CREATE INDEX threads_visible ON threads_thread (activity) WHERE trashed_at IS NULL AND archived = 0;
CREATE INDEX threads_by_owner ON threads_thread (owner, activity) WHERE owner IS NOT NULL;
CREATE INDEX threads_by_agent ON threads_thread (agent_id, activity) WHERE agent_id IS NOT NULL;
CREATE INDEX threads_pinned ON threads_thread (activity) WHERE pinned = 1;
CREATE INDEX threads_archived ON threads_thread (activity) WHERE archived = 1;
CREATE INDEX threads_trashed ON threads_thread (activity) WHERE trashed_at IS NOT NULL;
CREATE INDEX threads_not_idle ON threads_thread (status, activity) WHERE status <> 'idle';
CREATE INDEX threads_stale ON threads_thread (activity) WHERE head_id IS NOT projected_id;
CREATE INDEX threads_tag_by_tag ON threads_tag (tag, thread_id);

-- ledger triggers: head, status and activity of each thread, in the transaction of the checkpoint

-- The outer INSERT OR REPLACE overrides conflict clauses in here, so no statement below may conflict.
-- BEFORE, because afterwards it cannot be known whether this checkpoint was stored already: storing one again
-- must not make it the head.
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
        is_out_of_order = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
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

-- With durability "exit" the subgraphs of a first run are stored before its own checkpoint.
CREATE TRIGGER threads_ledger_subgraph BEFORE INSERT ON checkpoints
WHEN NEW.checkpoint_ns <> ''
    AND NOT EXISTS (SELECT 1 FROM threads_thread WHERE thread_id = NEW.thread_id)
    AND NOT EXISTS (SELECT 1 FROM threads_tombstone WHERE thread_id = NEW.thread_id)
BEGIN
    INSERT INTO threads_thread (thread_id, activity, created_at)
    SELECT NEW.thread_id, coalesce(max(activity), 0) + 1, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
    FROM threads_thread;
END;

-- An interrupt or an error at the head; it may be stored before the head itself.
CREATE TRIGGER threads_ledger_status AFTER INSERT ON writes
WHEN NEW.checkpoint_ns = '' AND NEW.channel IN ('__interrupt__', '__error__')
BEGIN
    UPDATE threads_thread
    SET status = CASE NEW.channel WHEN '__interrupt__' THEN 'interrupted' ELSE 'error' END
    WHERE thread_id = NEW.thread_id AND head_id = NEW.checkpoint_id;
END;

-- ROLLBACK, because after ABORT a stock AsyncSqliteSaver stays in its transaction and keeps the file locked.
CREATE TRIGGER threads_reject_deleted BEFORE INSERT ON checkpoints
WHEN NEW.parent_checkpoint_id IS NOT NULL
    AND EXISTS (SELECT 1 FROM threads_tombstone WHERE thread_id = NEW.thread_id)
    AND NOT EXISTS (
        SELECT 1 FROM checkpoints
        WHERE thread_id = NEW.thread_id AND checkpoint_ns = NEW.checkpoint_ns
          AND checkpoint_id = NEW.parent_checkpoint_id)
BEGIN
    SELECT RAISE(ROLLBACK, 'threads: deleted');
END;

-- With the last checkpoint the thread is deleted, whichever program does it (its foreign keys may be off).
CREATE TRIGGER threads_last_checkpoint_delete AFTER DELETE ON checkpoints
WHEN OLD.checkpoint_ns = ''
    AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE thread_id = OLD.thread_id AND checkpoint_ns = '')
BEGIN
    INSERT INTO threads_tombstone (thread_id, deleted_at)
    SELECT OLD.thread_id, CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
    WHERE NOT EXISTS (SELECT 1 FROM threads_tombstone WHERE thread_id = OLD.thread_id);
    DELETE FROM threads_tag WHERE thread_id = OLD.thread_id;
    DELETE FROM threads_message_origin WHERE thread_id = OLD.thread_id;
    DELETE FROM threads_event WHERE thread_id = OLD.thread_id;
    DELETE FROM threads_run WHERE thread_id = OLD.thread_id;
    DELETE FROM threads_thread WHERE thread_id = OLD.thread_id;
END;

-- When the head is deleted, the checkpoint written before it becomes the head.
CREATE TRIGGER threads_head_delete AFTER DELETE ON checkpoints
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

-- A run stores its writes at the head and its checkpoints after it. Anything else changes what precedes the head;
-- a process that caches that notices by the revision.

CREATE TRIGGER threads_revision_write_insert AFTER INSERT ON writes WHEN NEW.checkpoint_ns = ''
BEGIN
    UPDATE threads_thread SET revision = random()
    WHERE thread_id = NEW.thread_id AND head_id IS NOT NEW.checkpoint_id;
END;

CREATE TRIGGER threads_revision_write_update AFTER UPDATE ON writes WHEN OLD.checkpoint_ns = ''
BEGIN
    UPDATE threads_thread SET revision = random() WHERE thread_id IN (OLD.thread_id, NEW.thread_id);
END;

CREATE TRIGGER threads_revision_write_delete AFTER DELETE ON writes WHEN OLD.checkpoint_ns = ''
BEGIN
    UPDATE threads_thread SET revision = random() WHERE thread_id = OLD.thread_id;
END;

CREATE TRIGGER threads_revision_checkpoint_update AFTER UPDATE ON checkpoints WHEN OLD.checkpoint_ns = ''
BEGIN
    UPDATE threads_thread SET revision = random() WHERE thread_id IN (OLD.thread_id, NEW.thread_id);
END;

CREATE TRIGGER threads_revision_checkpoint_delete AFTER DELETE ON checkpoints WHEN OLD.checkpoint_ns = ''
BEGIN
    UPDATE threads_thread SET revision = random() WHERE thread_id = OLD.thread_id;
END;

-- Runs of agents in threads. The row of a running run is the thread's lease, too: only its holder may write there.
CREATE TABLE threads_run (
    position INTEGER PRIMARY KEY AUTOINCREMENT,   -- order of submission; never reused
    run_id TEXT NOT NULL UNIQUE,
    thread_id TEXT NOT NULL REFERENCES threads_thread (thread_id) ON DELETE CASCADE,
    origin_id TEXT,                               -- of a resume: the run that began what it resumes
    kind TEXT NOT NULL,                           -- message, input, resume, recovery, edit, regenerate, title
    status TEXT NOT NULL,                         -- pending, running, success, error, interrupted, stopped
    agent_id TEXT,
    -- the request
    key TEXT,                                     -- the caller's idempotency key
    request_digest TEXT NOT NULL,                 -- tells requests with the same key apart
    request_type TEXT,
    request BLOB,                                 -- the input of the graph, serialized
    -- the lease; its time is the machine's monotonic clock, which all its processes share
    holder TEXT,                                  -- the runner that has the lease, or has queued the run
    attempt INTEGER NOT NULL DEFAULT 0,           -- with the position the fencing token: no two leases share it
    late_attempts INTEGER NOT NULL DEFAULT 0,     -- attempts that ended because of the runner: they do not count as failed
    expires_at REAL,
    stop_request TEXT,                            -- the stop reason that was requested
    -- the outcome
    start_head_id TEXT,                           -- the thread's head when it began
    head_id TEXT,                                 -- the thread's head when it ended
    error TEXT,                                   -- type and message in a sentence
    error_type TEXT,
    error_message TEXT,                           -- for admins; other users get the type only
    recovery_question TEXT,                       -- the interrupt of recovery that it ended with, JSON
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    first_token_at INTEGER,
    finished_at INTEGER,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0
);

-- The event log, append-only.
CREATE TABLE threads_event (
    position INTEGER PRIMARY KEY AUTOINCREMENT,   -- order over all threads; never reused
    thread_id TEXT NOT NULL REFERENCES threads_thread (thread_id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,                    -- order in the thread, from 1
    run_id TEXT,
    type TEXT NOT NULL,
    message_id TEXT,                              -- of a token: the message it belongs to
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE UNIQUE INDEX threads_run_by_key ON threads_run (thread_id, key) WHERE key IS NOT NULL;
CREATE INDEX threads_run_by_thread ON threads_run (thread_id, position);
-- One run at a time in a thread, over all processes. (Titles are made beside it.)
CREATE UNIQUE INDEX threads_run_active ON threads_run (thread_id) WHERE status = 'running' AND kind <> 'title';
CREATE INDEX threads_run_queue ON threads_run (thread_id, position) WHERE status = 'pending';
CREATE INDEX threads_run_unfinished ON threads_run (position) WHERE status IN ('pending', 'running');
CREATE UNIQUE INDEX threads_event_in_thread ON threads_event (thread_id, sequence);
CREATE INDEX threads_event_tokens ON threads_event (thread_id, message_id) WHERE message_id IS NOT NULL;

-- A title by hand or by a model; the automatic one follows from messages, which have events of their own.
CREATE TRIGGER threads_title_event AFTER UPDATE OF title, model_title ON threads_thread
WHEN coalesce(NEW.title, NEW.model_title) IS NOT coalesce(OLD.title, OLD.model_title)
BEGIN
    INSERT INTO threads_event (thread_id, sequence, type, data, created_at)
    VALUES (NEW.thread_id,
        (SELECT coalesce(max(sequence), 0) + 1 FROM threads_event WHERE thread_id = NEW.thread_id), 'title',
        json_object('title', coalesce(NEW.title, NEW.model_title, NEW.auto_title)),
        CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER));
END;

-- The messages of the current branch. Row 0 of a thread is its title by hand or by a model.
-- The id is the thread's position * 2^20 + the index in the thread, so that a thread's rows are adjacent.
CREATE TABLE threads_message_text (
    id INTEGER PRIMARY KEY,
    message_id TEXT,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    is_counted INTEGER NOT NULL,                  -- 1: part of message_count (user and assistant, with text)
    written_at INTEGER,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0
);

-- Full-text indexes over these texts: tokens as threads.search.tokenizer makes them, and trigrams.
CREATE VIRTUAL TABLE threads_fts_words USING fts5(text, content='', tokenize='ascii', prefix='1 2 3');

CREATE VIRTUAL TABLE threads_fts_trigrams USING fts5(text, content='', tokenize='trigram', detail='none', columnsize=0);

-- Threads whose title changed, or that were deleted, since the index was last updated.
CREATE TABLE threads_index_change (
    position INTEGER PRIMARY KEY,
    is_deleted INTEGER NOT NULL
);

-- Not empty while pages of the index may still contain deleted text.
CREATE TABLE threads_index_purge (
    due INTEGER PRIMARY KEY
);

-- The index is written by this package only: a process with the stock saver may have no full-text search. These
-- triggers record what is to be updated; the rows of a deleted thread do not count.
CREATE TRIGGER threads_index_title_insert AFTER INSERT ON threads_thread
WHEN coalesce(NEW.title, NEW.model_title) IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM threads_index_change WHERE position = NEW.position)
BEGIN
    INSERT INTO threads_index_change (position, is_deleted) VALUES (NEW.position, 0);
END;

CREATE TRIGGER threads_index_title_update AFTER UPDATE OF title, model_title ON threads_thread
WHEN coalesce(NEW.title, NEW.model_title) IS NOT coalesce(OLD.title, OLD.model_title)
    AND NOT EXISTS (SELECT 1 FROM threads_index_change WHERE position = NEW.position)
BEGIN
    INSERT INTO threads_index_change (position, is_deleted) VALUES (NEW.position, 0);
END;

CREATE TRIGGER threads_index_thread_delete AFTER DELETE ON threads_thread
BEGIN
    DELETE FROM threads_index_change WHERE position = OLD.position;
    INSERT INTO threads_index_change (position, is_deleted) VALUES (OLD.position, 1);
END;

-- The number of visible threads (neither archived nor in the trash) by tag.
CREATE TABLE threads_tag_count (
    tag TEXT PRIMARY KEY,
    threads INTEGER NOT NULL
) WITHOUT ROWID;

-- Lookup of threads by tag (key '#') and by metadata (key '.' and the metadata's; a text after a ', other values
-- as JSON). In the order of activity, so that a list need not be sorted.
CREATE TABLE threads_attribute (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    activity INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (key, value, activity, position)
) WITHOUT ROWID;

CREATE INDEX threads_attribute_by_thread ON threads_attribute (position);
CREATE INDEX threads_by_time ON threads_thread (updated_at, activity, is_out_of_order);
CREATE INDEX threads_out_of_order ON threads_thread (updated_at, activity) WHERE is_out_of_order <> 0;
CREATE INDEX threads_by_title ON threads_thread (lower(coalesce(title, model_title, auto_title)), position);
CREATE INDEX threads_by_count ON threads_thread (coalesce(message_count, -1), position);

CREATE VIEW threads_attribute_source AS
SELECT '.' || each.key AS key, CASE each.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
    WHEN 'text' THEN '''' || each.value ELSE CAST(each.value AS TEXT) END AS value, t.activity, t.position
FROM threads_thread t CROSS JOIN json_each(t.metadata) AS each
WHERE t.metadata <> '{}' AND each.type IN ('text', 'integer', 'real', 'true', 'false')
    AND length(each.value) <= 200
UNION ALL SELECT '#', g.tag, t.activity, t.position
FROM threads_thread t CROSS JOIN threads_tag g WHERE g.thread_id = t.thread_id;

CREATE TRIGGER threads_attribute_insert AFTER INSERT ON threads_thread WHEN NEW.metadata <> '{}'
BEGIN
    INSERT INTO threads_attribute SELECT key, value, activity, position FROM threads_attribute_source WHERE position = NEW.position;
END;

CREATE TRIGGER threads_attribute_update AFTER UPDATE OF metadata ON threads_thread WHEN NEW.metadata <> OLD.metadata
BEGIN
    DELETE FROM threads_attribute WHERE position = NEW.position;
    INSERT INTO threads_attribute SELECT key, value, activity, position FROM threads_attribute_source WHERE position = NEW.position;
END;

CREATE TRIGGER threads_attribute_activity AFTER UPDATE OF activity ON threads_thread WHEN NEW.activity <> OLD.activity
BEGIN
    UPDATE threads_attribute SET activity = NEW.activity WHERE position = NEW.position;
END;

-- How far a user has read a thread: the id of a row of threads_message_text.
CREATE TABLE threads_read_mark (
    reader TEXT NOT NULL,
    position INTEGER NOT NULL,
    last_read_id INTEGER NOT NULL,
    PRIMARY KEY (reader, position)
) WITHOUT ROWID;

CREATE INDEX threads_read_mark_by_thread ON threads_read_mark (position);

-- Retention rules. Periods in milliseconds.
CREATE TABLE threads_retention_rule (
    name TEXT PRIMARY KEY,
    action TEXT NOT NULL,                         -- keep, prune, archive, trash, delete
    thread_id TEXT,
    tag TEXT,
    agent_id TEXT,
    owner TEXT,
    abandoned INTEGER NOT NULL DEFAULT 0,
    inactive INTEGER,
    age INTEGER,
    trashed INTEGER
) WITHOUT ROWID;

-- Usage of a thread on a day; days since 1970, UTC.
CREATE TABLE threads_daily_usage (
    position INTEGER NOT NULL,
    day INTEGER NOT NULL,
    threads INTEGER NOT NULL DEFAULT 0,           -- 1 on the day of its first message
    messages INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    runs INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    milliseconds INTEGER NOT NULL DEFAULT 0,      -- duration of the runs
    PRIMARY KEY (position, day)
) WITHOUT ROWID;

-- The same over all threads, and over those of each agent, owner and tag ('' where there is none); by the day and by
-- 32 days, so that a year is a few sums.
CREATE TABLE threads_usage_sum (
    dimension TEXT NOT NULL,                      -- all, agent, owner, tag
    value TEXT NOT NULL,
    span INTEGER NOT NULL,                        -- days: 1 or 32
    day INTEGER NOT NULL,                         -- the first of them
    threads INTEGER NOT NULL DEFAULT 0,
    messages INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    runs INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    milliseconds INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (dimension, span, day, value)
) WITHOUT ROWID;

CREATE INDEX threads_usage_sum_by_value ON threads_usage_sum (dimension, value, span, day);

-- Usage of a thread whose agent or owner changes, for the duration of that statement.
CREATE TABLE threads_usage_transfer (
    position INTEGER NOT NULL,
    day INTEGER NOT NULL,
    threads INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    runs INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL,
    PRIMARY KEY (position, day)
) WITHOUT ROWID;

CREATE VIEW threads_usage_span AS SELECT 1 AS span UNION ALL SELECT 32;

-- The sums that a thread's usage belongs to.
CREATE VIEW threads_usage_dimension AS
SELECT position, 'all' AS dimension, '' AS value, span FROM threads_thread CROSS JOIN threads_usage_span
UNION ALL SELECT position, 'agent', coalesce(agent_id, ''), span FROM threads_thread CROSS JOIN threads_usage_span
UNION ALL SELECT position, 'owner', coalesce(owner, ''), span FROM threads_thread CROSS JOIN threads_usage_span
UNION ALL SELECT t.position, 'tag', g.tag, span FROM threads_thread t CROSS JOIN threads_tag g
    CROSS JOIN threads_usage_span WHERE g.thread_id = t.thread_id;

-- counts by tag

CREATE TRIGGER threads_tag_insert AFTER INSERT ON threads_tag
BEGIN
    INSERT INTO threads_attribute (key, value, activity, position)
    SELECT '#', NEW.tag, activity, position FROM threads_thread WHERE thread_id = NEW.thread_id;
    INSERT INTO threads_tag_count (tag, threads)
    SELECT NEW.tag, 0 WHERE NOT EXISTS (SELECT 1 FROM threads_tag_count WHERE tag = NEW.tag);
    UPDATE threads_tag_count SET threads = threads + (
        SELECT count(*) FROM threads_thread
        WHERE thread_id = NEW.thread_id AND archived = 0 AND trashed_at IS NULL)
    WHERE tag = NEW.tag;
    INSERT INTO threads_usage_sum (dimension, value, span, day)
    SELECT DISTINCT 'tag', NEW.tag, span, d.day & -span
    FROM threads_thread t CROSS JOIN threads_daily_usage d USING (position) CROSS JOIN threads_usage_span s
    WHERE t.thread_id = NEW.thread_id AND NOT EXISTS (
        SELECT 1 FROM threads_usage_sum m
        WHERE m.dimension = 'tag' AND m.value = NEW.tag AND m.span = s.span AND m.day = d.day & -s.span);
    UPDATE threads_usage_sum SET threads = threads_usage_sum.threads + d.threads,
        messages = threads_usage_sum.messages + d.messages,
        input_tokens = threads_usage_sum.input_tokens + d.input_tokens,
        output_tokens = threads_usage_sum.output_tokens + d.output_tokens,
        runs = threads_usage_sum.runs + d.runs, failures = threads_usage_sum.failures + d.failures,
        milliseconds = threads_usage_sum.milliseconds + d.milliseconds
    FROM (
        SELECT span, day & -span AS day, sum(threads) AS threads, sum(messages) AS messages,
            sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(runs) AS runs,
            sum(failures) AS failures, sum(milliseconds) AS milliseconds
        FROM threads_thread t CROSS JOIN threads_daily_usage USING (position) CROSS JOIN threads_usage_span
        WHERE t.thread_id = NEW.thread_id GROUP BY 1, 2) AS d
    WHERE threads_usage_sum.dimension = 'tag' AND threads_usage_sum.value = NEW.tag
        AND threads_usage_sum.span = d.span AND threads_usage_sum.day = d.day;
END;

CREATE TRIGGER threads_tag_delete AFTER DELETE ON threads_tag
BEGIN
    DELETE FROM threads_attribute WHERE key = '#' AND value = OLD.tag
        AND (activity, position) = (SELECT activity, position FROM threads_thread WHERE thread_id = OLD.thread_id);
    UPDATE threads_tag_count SET threads = threads - (
        SELECT count(*) FROM threads_thread
        WHERE thread_id = OLD.thread_id AND archived = 0 AND trashed_at IS NULL)
    WHERE tag = OLD.tag;
    DELETE FROM threads_tag_count WHERE tag = OLD.tag AND threads = 0
        AND NOT EXISTS (SELECT 1 FROM threads_tag WHERE tag = OLD.tag);
    UPDATE threads_usage_sum SET threads = threads_usage_sum.threads - d.threads,
        messages = threads_usage_sum.messages - d.messages,
        input_tokens = threads_usage_sum.input_tokens - d.input_tokens,
        output_tokens = threads_usage_sum.output_tokens - d.output_tokens,
        runs = threads_usage_sum.runs - d.runs, failures = threads_usage_sum.failures - d.failures,
        milliseconds = threads_usage_sum.milliseconds - d.milliseconds
    FROM (
        SELECT span, day & -span AS day, sum(threads) AS threads, sum(messages) AS messages,
            sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(runs) AS runs,
            sum(failures) AS failures, sum(milliseconds) AS milliseconds
        FROM threads_thread t CROSS JOIN threads_daily_usage USING (position) CROSS JOIN threads_usage_span
        WHERE t.thread_id = OLD.thread_id GROUP BY 1, 2) AS d
    WHERE threads_usage_sum.dimension = 'tag' AND threads_usage_sum.value = OLD.tag
        AND threads_usage_sum.span = d.span AND threads_usage_sum.day = d.day;
    DELETE FROM threads_usage_sum WHERE dimension = 'tag' AND value = OLD.tag
        AND threads + messages + input_tokens + output_tokens + runs + milliseconds = 0;
END;

CREATE TRIGGER threads_tag_visibility AFTER UPDATE OF archived, trashed_at ON threads_thread
WHEN (NEW.archived = 0 AND NEW.trashed_at IS NULL) <> (OLD.archived = 0 AND OLD.trashed_at IS NULL)
BEGIN
    UPDATE threads_tag_count
    SET threads = threads + CASE WHEN NEW.archived = 0 AND NEW.trashed_at IS NULL THEN 1 ELSE -1 END
    WHERE tag IN (SELECT tag FROM threads_tag WHERE thread_id = NEW.thread_id);
END;

-- sums of usage

CREATE TRIGGER threads_usage_insert AFTER INSERT ON threads_daily_usage
BEGIN
    INSERT INTO threads_usage_sum (dimension, value, span, day)
    SELECT d.dimension, d.value, d.span, NEW.day & -d.span FROM threads_usage_dimension d
    WHERE d.position = NEW.position AND NOT EXISTS (
        SELECT 1 FROM threads_usage_sum m
        WHERE m.dimension = d.dimension AND m.value = d.value AND m.span = d.span AND m.day = NEW.day & -d.span);
    UPDATE threads_usage_sum SET threads = threads + NEW.threads, messages = messages + NEW.messages,
        input_tokens = input_tokens + NEW.input_tokens, output_tokens = output_tokens + NEW.output_tokens,
        runs = runs + NEW.runs, failures = failures + NEW.failures, milliseconds = milliseconds + NEW.milliseconds
    FROM threads_usage_dimension d
    WHERE d.position = NEW.position AND threads_usage_sum.dimension = d.dimension
        AND threads_usage_sum.value = d.value AND threads_usage_sum.span = d.span
        AND threads_usage_sum.day = NEW.day & -d.span;
END;

CREATE TRIGGER threads_usage_update AFTER UPDATE ON threads_daily_usage
BEGIN
    UPDATE threads_usage_sum SET threads = threads + NEW.threads - OLD.threads,
        messages = messages + NEW.messages - OLD.messages,
        input_tokens = input_tokens + NEW.input_tokens - OLD.input_tokens,
        output_tokens = output_tokens + NEW.output_tokens - OLD.output_tokens,
        runs = runs + NEW.runs - OLD.runs, failures = failures + NEW.failures - OLD.failures,
        milliseconds = milliseconds + NEW.milliseconds - OLD.milliseconds
    FROM threads_usage_dimension d
    WHERE d.position = NEW.position AND threads_usage_sum.dimension = d.dimension
        AND threads_usage_sum.value = d.value AND threads_usage_sum.span = d.span
        AND threads_usage_sum.day = NEW.day & -d.span;
END;

CREATE TRIGGER threads_usage_delete AFTER DELETE ON threads_daily_usage
BEGIN
    UPDATE threads_usage_sum SET threads = threads - OLD.threads, messages = messages - OLD.messages,
        input_tokens = input_tokens - OLD.input_tokens, output_tokens = output_tokens - OLD.output_tokens,
        runs = runs - OLD.runs, failures = failures - OLD.failures, milliseconds = milliseconds - OLD.milliseconds
    FROM threads_usage_dimension d
    WHERE d.position = OLD.position AND threads_usage_sum.dimension = d.dimension
        AND threads_usage_sum.value = d.value AND threads_usage_sum.span = d.span
        AND threads_usage_sum.day = OLD.day & -d.span;
    DELETE FROM threads_usage_sum
    WHERE (dimension, value, span, day) IN (
            SELECT dimension, value, span, OLD.day & -span FROM threads_usage_dimension WHERE position = OLD.position)
        AND threads + messages + input_tokens + output_tokens + runs + milliseconds = 0;
END;

-- When agent or owner change, the usage moves to other sums; when a thread is deleted, it is subtracted before.

CREATE TRIGGER threads_usage_detach BEFORE UPDATE OF agent_id, owner ON threads_thread
WHEN NEW.agent_id IS NOT OLD.agent_id OR NEW.owner IS NOT OLD.owner
BEGIN
    INSERT INTO threads_usage_transfer SELECT * FROM threads_daily_usage WHERE position = OLD.position;
    DELETE FROM threads_daily_usage WHERE position = OLD.position;
END;

CREATE TRIGGER threads_usage_reattach AFTER UPDATE OF agent_id, owner ON threads_thread
WHEN NEW.agent_id IS NOT OLD.agent_id OR NEW.owner IS NOT OLD.owner
BEGIN
    INSERT INTO threads_daily_usage SELECT * FROM threads_usage_transfer WHERE position = NEW.position;
    DELETE FROM threads_usage_transfer WHERE position = NEW.position;
END;

CREATE TRIGGER threads_thread_delete BEFORE DELETE ON threads_thread
BEGIN
    DELETE FROM threads_tag WHERE thread_id = OLD.thread_id;
    DELETE FROM threads_attribute WHERE position = OLD.position;
    DELETE FROM threads_daily_usage WHERE position = OLD.position;
    DELETE FROM threads_read_mark WHERE position = OLD.position;
    DELETE FROM threads_retention_rule WHERE thread_id = OLD.thread_id;
END;

-- A run counts on the day it was submitted, once it has ended; one that is started again is subtracted first.
CREATE TRIGGER threads_usage_run_end AFTER UPDATE OF status, finished_at ON threads_run
WHEN NEW.kind <> 'title' AND (NEW.finished_at IS NOT OLD.finished_at OR NEW.status <> OLD.status)
    AND (NEW.finished_at IS NOT NULL OR OLD.finished_at IS NOT NULL)
BEGIN
    INSERT INTO threads_daily_usage (position, day)
    SELECT position, NEW.created_at / 86400000 FROM threads_thread t
    WHERE thread_id = NEW.thread_id AND NOT EXISTS (
        SELECT 1 FROM threads_daily_usage d WHERE d.position = t.position AND d.day = NEW.created_at / 86400000);
    UPDATE threads_daily_usage SET
        runs = runs + (NEW.finished_at IS NOT NULL) - (OLD.finished_at IS NOT NULL),
        failures = failures + (NEW.finished_at IS NOT NULL AND NEW.status = 'error')
            - (OLD.finished_at IS NOT NULL AND OLD.status = 'error'),
        milliseconds = milliseconds + coalesce(NEW.finished_at - coalesce(NEW.started_at, NEW.created_at), 0)
            - coalesce(OLD.finished_at - coalesce(OLD.started_at, OLD.created_at), 0)
    WHERE position = (SELECT position FROM threads_thread WHERE thread_id = NEW.thread_id)
        AND day = NEW.created_at / 86400000;
END;

-- Users of the HTTP API.
CREATE TABLE threads_user (
    name TEXT PRIMARY KEY,                        -- the owner of the threads they create
    is_admin INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Their tokens and sessions, as hashes. A token has 256 random bits, so a plain hash is enough.
CREATE TABLE threads_token (
    token_id TEXT PRIMARY KEY,
    name TEXT NOT NULL REFERENCES threads_user (name) ON DELETE CASCADE,
    hash BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,                           -- token, session
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    parent_id TEXT REFERENCES threads_token (token_id) ON DELETE CASCADE  -- of a session: its token
) WITHOUT ROWID;

CREATE INDEX threads_token_by_user ON threads_token (name);
CREATE INDEX threads_session_by_token ON threads_token (parent_id) WHERE parent_id IS NOT NULL;

-- Threads created by a request with an idempotency key, which the id follows from. The row outlives the thread, without
-- the digest, so that the same request does not create it again.
CREATE TABLE threads_creation_request (
    thread_id TEXT PRIMARY KEY,
    request_digest BLOB
) WITHOUT ROWID;

CREATE TRIGGER threads_creation_request_delete AFTER DELETE ON threads_thread
BEGIN
    UPDATE threads_creation_request SET request_digest = NULL WHERE thread_id = OLD.thread_id;
END;

-- The key that seals cursors and event ids (see threads/db/seals.py): one row.
CREATE TABLE threads_secret (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    key BLOB NOT NULL
);

-- How many users were ever added, so that a server knows that there were some after they are removed.
CREATE TABLE threads_user_counter (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    total INTEGER NOT NULL
);

CREATE TRIGGER threads_user_insert AFTER INSERT ON threads_user
BEGIN
    INSERT INTO threads_user_counter (id, total) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET total = total + 1;
END;

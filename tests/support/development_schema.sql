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
-- One row a run: what was let through an agent in a thread, and how far it came. While it runs the row
-- is the thread's lease, too: its holder may write there, and nobody else.
CREATE TABLE threads_run (
    position INTEGER PRIMARY KEY AUTOINCREMENT,   -- order of asking; never used again
    run_id TEXT NOT NULL UNIQUE,
    thread_id TEXT NOT NULL REFERENCES threads_thread (thread_id) ON DELETE CASCADE,
    origin_id TEXT,                               -- of an answer: the run that began what it goes on with
    kind TEXT NOT NULL,                           -- message, input, resume, recovery, edit, regenerate, title
    status TEXT NOT NULL,                         -- pending, running, success, error, interrupted, stopped
    agent_id TEXT,
    -- what was asked
    key TEXT,                                     -- the caller's idempotency key
    asked TEXT NOT NULL,                          -- digest of what was asked, to tell one key's requests apart
    request_type TEXT,
    request BLOB,                                 -- what is handed to the graph, as the serializer stores it
    -- the lease: time by the machine's monotonic clock, for all processes on it
    holder TEXT,                                  -- the runner that has it
    attempt INTEGER NOT NULL DEFAULT 0,           -- with the position the fence: no two leases share it
    late INTEGER NOT NULL DEFAULT 0,              -- attempts that broke nothing: their holder lived, and was late or let go
    expires_at REAL,
    stopping TEXT,                                -- asked to stop: keep what was said, rollback, or pass over
    -- how it went
    begun_at_id TEXT,                             -- the thread's head when it began
    head_id TEXT,                                 -- the thread's head when it ended
    error TEXT,
    question TEXT,                                -- what a person has to decide before it can go on
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    first_token_at INTEGER,
    finished_at INTEGER,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0
);

-- What happens in threads, as an append-only log.
CREATE TABLE threads_event (
    position INTEGER PRIMARY KEY AUTOINCREMENT,   -- order over all threads; never used again
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
-- One run at a time in a thread, in all processes. (A title is made beside the conversation.)
CREATE UNIQUE INDEX threads_running ON threads_run (thread_id) WHERE status = 'running' AND kind <> 'title';
CREATE INDEX threads_waiting ON threads_run (thread_id, position) WHERE status = 'pending';
CREATE INDEX threads_unfinished ON threads_run (position) WHERE status IN ('pending', 'running');
CREATE UNIQUE INDEX threads_event_in_thread ON threads_event (thread_id, sequence);
CREATE INDEX threads_event_tokens ON threads_event (thread_id, message_id) WHERE message_id IS NOT NULL;

-- A title by hand or by a model; the automatic one follows from the messages, which have events of their own.
CREATE TRIGGER threads_titled AFTER UPDATE OF title, model_title ON threads_thread
WHEN coalesce(NEW.title, NEW.model_title) IS NOT coalesce(OLD.title, OLD.model_title)
BEGIN
    INSERT INTO threads_event (thread_id, sequence, type, data, created_at)
    VALUES (NEW.thread_id,
        (SELECT coalesce(max(sequence), 0) + 1 FROM threads_event WHERE thread_id = NEW.thread_id), 'title',
        json_object('title', coalesce(NEW.title, NEW.model_title, NEW.auto_title)),
        CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER));
END;
-- One row a message of the branch in view; row 0 of a thread is the title it was given, by hand or by a model.
-- The id is the thread's position * 2^20 + the place in it, so that a thread's rows lie together.
CREATE TABLE threads_said (
    id INTEGER PRIMARY KEY,
    message_id TEXT,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    counted INTEGER NOT NULL,                     -- whether a person counts it: user's and assistant's with text
    said_at INTEGER,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0
);

-- The tokens of the texts, as threads.search.tokenizer makes them, and their trigrams. The texts stand above.
CREATE VIRTUAL TABLE threads_words USING fts5(text, content='', tokenize='ascii', prefix='1 2 3');

CREATE VIRTUAL TABLE threads_parts USING fts5(text, content='', tokenize='trigram', detail='none', columnsize=0);

-- Threads whose title changed, or that are gone, since the index was last brought up to date.
CREATE TABLE threads_unsaid (
    position INTEGER PRIMARY KEY,
    gone INTEGER NOT NULL
);

-- Not empty while the index may still hold words of what was erased.
CREATE TABLE threads_scrub (
    due INTEGER PRIMARY KEY
);

-- The index itself is written by this package only: a process that knows the stock saver may have no
-- full-text search. These triggers tell what is left to do; while a thread is gone, its rows do not count.
CREATE TRIGGER threads_entitled AFTER INSERT ON threads_thread
WHEN coalesce(NEW.title, NEW.model_title) IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM threads_unsaid WHERE position = NEW.position)
BEGIN
    INSERT INTO threads_unsaid (position, gone) VALUES (NEW.position, 0);
END;

CREATE TRIGGER threads_retitled AFTER UPDATE OF title, model_title ON threads_thread
WHEN coalesce(NEW.title, NEW.model_title) IS NOT coalesce(OLD.title, OLD.model_title)
    AND NOT EXISTS (SELECT 1 FROM threads_unsaid WHERE position = NEW.position)
BEGIN
    INSERT INTO threads_unsaid (position, gone) VALUES (NEW.position, 0);
END;

CREATE TRIGGER threads_unsay AFTER DELETE ON threads_thread
BEGIN
    DELETE FROM threads_unsaid WHERE position = OLD.position;
    INSERT INTO threads_unsaid (position, gone) VALUES (OLD.position, 1);
END;
-- How many threads in sight (neither archived nor in the trash) have a tag.
CREATE TABLE threads_tag_count (
    tag TEXT PRIMARY KEY,
    threads INTEGER NOT NULL
) WITHOUT ROWID;

-- By what threads are found: their tags (key '#') and what stands in their metadata (key '.' and its own;
-- a text after a ', other values as JSON). In the order of activity, so that a list need not be sorted.
CREATE TABLE threads_fact (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    activity INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (key, value, activity, position)
) WITHOUT ROWID;

CREATE INDEX threads_fact_by_thread ON threads_fact (position);
CREATE INDEX threads_by_time ON threads_thread (updated_at, activity, late);
CREATE INDEX threads_late ON threads_thread (updated_at, activity) WHERE late <> 0;
CREATE INDEX threads_by_title ON threads_thread (lower(coalesce(title, model_title, auto_title)), position);
CREATE INDEX threads_by_count ON threads_thread (coalesce(message_count, -1), position);

CREATE VIEW threads_facts AS
SELECT '.' || each.key AS key, CASE each.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
    WHEN 'text' THEN '''' || each.value ELSE CAST(each.value AS TEXT) END AS value, t.activity, t.position
FROM threads_thread t CROSS JOIN json_each(t.metadata) AS each
WHERE t.metadata <> '{}' AND each.type IN ('text', 'integer', 'real', 'true', 'false')
    AND length(each.value) <= 200
UNION ALL SELECT '#', g.tag, t.activity, t.position
FROM threads_thread t CROSS JOIN threads_tag g WHERE g.thread_id = t.thread_id;

INSERT INTO threads_fact SELECT key, value, activity, position FROM threads_facts;

CREATE TRIGGER threads_fact_added AFTER INSERT ON threads_thread WHEN NEW.metadata <> '{}'
BEGIN
    INSERT INTO threads_fact SELECT key, value, activity, position FROM threads_facts WHERE position = NEW.position;
END;

CREATE TRIGGER threads_fact_changed AFTER UPDATE OF metadata ON threads_thread WHEN NEW.metadata <> OLD.metadata
BEGIN
    DELETE FROM threads_fact WHERE position = NEW.position;
    INSERT INTO threads_fact SELECT key, value, activity, position FROM threads_facts WHERE position = NEW.position;
END;

CREATE TRIGGER threads_fact_moved AFTER UPDATE OF activity ON threads_thread WHEN NEW.activity <> OLD.activity
BEGIN
    UPDATE threads_fact SET activity = NEW.activity WHERE position = NEW.position;
END;

-- How far a user has read a thread: the id of a row of threads_said.
CREATE TABLE threads_read (
    reader TEXT NOT NULL,
    position INTEGER NOT NULL,
    said_id INTEGER NOT NULL,
    PRIMARY KEY (reader, position)
) WITHOUT ROWID;

CREATE INDEX threads_read_by_thread ON threads_read (position);

-- What is to be done with threads as they grow old. Lengths of time in milliseconds.
CREATE TABLE threads_rule (
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

-- What went on in a thread on a day; days since 1970, UTC.
CREATE TABLE threads_day (
    position INTEGER NOT NULL,
    day INTEGER NOT NULL,
    threads INTEGER NOT NULL DEFAULT 0,           -- 1 on the day of its first message
    messages INTEGER NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    runs INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    milliseconds INTEGER NOT NULL DEFAULT 0,      -- that the runs took
    PRIMARY KEY (position, day)
) WITHOUT ROWID;

-- The same over all threads, and over those of each agent, owner and tag ('' where there is none); by
-- the day, and by as many days as a month has, so that a year is a few sums.
CREATE TABLE threads_measure (
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

CREATE INDEX threads_measure_of ON threads_measure (dimension, value, span, day);

-- Days of a thread that changes hands, for as long as one statement takes.
CREATE TABLE threads_moving (
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

CREATE VIEW threads_span AS SELECT 1 AS span UNION ALL SELECT 32;

-- Under what a thread's days are added up.
CREATE VIEW threads_dimension AS
SELECT position, 'all' AS dimension, '' AS value, span FROM threads_thread CROSS JOIN threads_span
UNION ALL SELECT position, 'agent', coalesce(agent_id, ''), span FROM threads_thread CROSS JOIN threads_span
UNION ALL SELECT position, 'owner', coalesce(owner, ''), span FROM threads_thread CROSS JOIN threads_span
UNION ALL SELECT t.position, 'tag', g.tag, span FROM threads_thread t CROSS JOIN threads_tag g
    CROSS JOIN threads_span WHERE g.thread_id = t.thread_id;

-- tags that come and go, on threads that come into sight and leave it

CREATE TRIGGER threads_tag_added AFTER INSERT ON threads_tag
BEGIN
    INSERT INTO threads_fact (key, value, activity, position)
    SELECT '#', NEW.tag, activity, position FROM threads_thread WHERE thread_id = NEW.thread_id;
    INSERT INTO threads_tag_count (tag, threads)
    SELECT NEW.tag, 0 WHERE NOT EXISTS (SELECT 1 FROM threads_tag_count WHERE tag = NEW.tag);
    UPDATE threads_tag_count SET threads = threads + (
        SELECT count(*) FROM threads_thread
        WHERE thread_id = NEW.thread_id AND archived = 0 AND trashed_at IS NULL)
    WHERE tag = NEW.tag;
    INSERT INTO threads_measure (dimension, value, span, day)
    SELECT DISTINCT 'tag', NEW.tag, span, d.day & -span
    FROM threads_thread t CROSS JOIN threads_day d USING (position) CROSS JOIN threads_span s
    WHERE t.thread_id = NEW.thread_id AND NOT EXISTS (
        SELECT 1 FROM threads_measure m
        WHERE m.dimension = 'tag' AND m.value = NEW.tag AND m.span = s.span AND m.day = d.day & -s.span);
    UPDATE threads_measure SET threads = threads_measure.threads + d.threads,
        messages = threads_measure.messages + d.messages,
        input_tokens = threads_measure.input_tokens + d.input_tokens,
        output_tokens = threads_measure.output_tokens + d.output_tokens,
        runs = threads_measure.runs + d.runs, failures = threads_measure.failures + d.failures,
        milliseconds = threads_measure.milliseconds + d.milliseconds
    FROM (
        SELECT span, day & -span AS day, sum(threads) AS threads, sum(messages) AS messages,
            sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(runs) AS runs,
            sum(failures) AS failures, sum(milliseconds) AS milliseconds
        FROM threads_thread t CROSS JOIN threads_day USING (position) CROSS JOIN threads_span
        WHERE t.thread_id = NEW.thread_id GROUP BY 1, 2) AS d
    WHERE threads_measure.dimension = 'tag' AND threads_measure.value = NEW.tag
        AND threads_measure.span = d.span AND threads_measure.day = d.day;
END;

CREATE TRIGGER threads_tag_removed AFTER DELETE ON threads_tag
BEGIN
    DELETE FROM threads_fact WHERE key = '#' AND value = OLD.tag
        AND (activity, position) = (SELECT activity, position FROM threads_thread WHERE thread_id = OLD.thread_id);
    UPDATE threads_tag_count SET threads = threads - (
        SELECT count(*) FROM threads_thread
        WHERE thread_id = OLD.thread_id AND archived = 0 AND trashed_at IS NULL)
    WHERE tag = OLD.tag;
    DELETE FROM threads_tag_count WHERE tag = OLD.tag AND threads = 0
        AND NOT EXISTS (SELECT 1 FROM threads_tag WHERE tag = OLD.tag);
    UPDATE threads_measure SET threads = threads_measure.threads - d.threads,
        messages = threads_measure.messages - d.messages,
        input_tokens = threads_measure.input_tokens - d.input_tokens,
        output_tokens = threads_measure.output_tokens - d.output_tokens,
        runs = threads_measure.runs - d.runs, failures = threads_measure.failures - d.failures,
        milliseconds = threads_measure.milliseconds - d.milliseconds
    FROM (
        SELECT span, day & -span AS day, sum(threads) AS threads, sum(messages) AS messages,
            sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(runs) AS runs,
            sum(failures) AS failures, sum(milliseconds) AS milliseconds
        FROM threads_thread t CROSS JOIN threads_day USING (position) CROSS JOIN threads_span
        WHERE t.thread_id = OLD.thread_id GROUP BY 1, 2) AS d
    WHERE threads_measure.dimension = 'tag' AND threads_measure.value = OLD.tag
        AND threads_measure.span = d.span AND threads_measure.day = d.day;
    DELETE FROM threads_measure WHERE dimension = 'tag' AND value = OLD.tag
        AND threads + messages + input_tokens + output_tokens + runs + milliseconds = 0;
END;

CREATE TRIGGER threads_tags_sighted AFTER UPDATE OF archived, trashed_at ON threads_thread
WHEN (NEW.archived = 0 AND NEW.trashed_at IS NULL) <> (OLD.archived = 0 AND OLD.trashed_at IS NULL)
BEGIN
    UPDATE threads_tag_count
    SET threads = threads + CASE WHEN NEW.archived = 0 AND NEW.trashed_at IS NULL THEN 1 ELSE -1 END
    WHERE tag IN (SELECT tag FROM threads_tag WHERE thread_id = NEW.thread_id);
END;

-- days

CREATE TRIGGER threads_day_added AFTER INSERT ON threads_day
BEGIN
    INSERT INTO threads_measure (dimension, value, span, day)
    SELECT d.dimension, d.value, d.span, NEW.day & -d.span FROM threads_dimension d
    WHERE d.position = NEW.position AND NOT EXISTS (
        SELECT 1 FROM threads_measure m
        WHERE m.dimension = d.dimension AND m.value = d.value AND m.span = d.span AND m.day = NEW.day & -d.span);
    UPDATE threads_measure SET threads = threads + NEW.threads, messages = messages + NEW.messages,
        input_tokens = input_tokens + NEW.input_tokens, output_tokens = output_tokens + NEW.output_tokens,
        runs = runs + NEW.runs, failures = failures + NEW.failures, milliseconds = milliseconds + NEW.milliseconds
    FROM threads_dimension d
    WHERE d.position = NEW.position AND threads_measure.dimension = d.dimension
        AND threads_measure.value = d.value AND threads_measure.span = d.span
        AND threads_measure.day = NEW.day & -d.span;
END;

CREATE TRIGGER threads_day_changed AFTER UPDATE ON threads_day
BEGIN
    UPDATE threads_measure SET threads = threads + NEW.threads - OLD.threads,
        messages = messages + NEW.messages - OLD.messages,
        input_tokens = input_tokens + NEW.input_tokens - OLD.input_tokens,
        output_tokens = output_tokens + NEW.output_tokens - OLD.output_tokens,
        runs = runs + NEW.runs - OLD.runs, failures = failures + NEW.failures - OLD.failures,
        milliseconds = milliseconds + NEW.milliseconds - OLD.milliseconds
    FROM threads_dimension d
    WHERE d.position = NEW.position AND threads_measure.dimension = d.dimension
        AND threads_measure.value = d.value AND threads_measure.span = d.span
        AND threads_measure.day = NEW.day & -d.span;
END;

CREATE TRIGGER threads_day_removed AFTER DELETE ON threads_day
BEGIN
    UPDATE threads_measure SET threads = threads - OLD.threads, messages = messages - OLD.messages,
        input_tokens = input_tokens - OLD.input_tokens, output_tokens = output_tokens - OLD.output_tokens,
        runs = runs - OLD.runs, failures = failures - OLD.failures, milliseconds = milliseconds - OLD.milliseconds
    FROM threads_dimension d
    WHERE d.position = OLD.position AND threads_measure.dimension = d.dimension
        AND threads_measure.value = d.value AND threads_measure.span = d.span
        AND threads_measure.day = OLD.day & -d.span;
    DELETE FROM threads_measure
    WHERE (dimension, value, span, day) IN (
            SELECT dimension, value, span, OLD.day & -span FROM threads_dimension WHERE position = OLD.position)
        AND threads + messages + input_tokens + output_tokens + runs + milliseconds = 0;
END;

-- A thread that changes hands takes its days along; one that goes takes them away, while it still is there.

CREATE TRIGGER threads_handed_over BEFORE UPDATE OF agent_id, owner ON threads_thread
WHEN NEW.agent_id IS NOT OLD.agent_id OR NEW.owner IS NOT OLD.owner
BEGIN
    INSERT INTO threads_moving SELECT * FROM threads_day WHERE position = OLD.position;
    DELETE FROM threads_day WHERE position = OLD.position;
END;

CREATE TRIGGER threads_taken_over AFTER UPDATE OF agent_id, owner ON threads_thread
WHEN NEW.agent_id IS NOT OLD.agent_id OR NEW.owner IS NOT OLD.owner
BEGIN
    INSERT INTO threads_day SELECT * FROM threads_moving WHERE position = NEW.position;
    DELETE FROM threads_moving WHERE position = NEW.position;
END;

CREATE TRIGGER threads_given_up BEFORE DELETE ON threads_thread
BEGIN
    DELETE FROM threads_tag WHERE thread_id = OLD.thread_id;
    DELETE FROM threads_fact WHERE position = OLD.position;
    DELETE FROM threads_day WHERE position = OLD.position;
    DELETE FROM threads_read WHERE position = OLD.position;
    DELETE FROM threads_rule WHERE thread_id = OLD.thread_id;
END;

-- A run adds to the day it was asked for on, when it ends; what was begun again ends again.
CREATE TRIGGER threads_run_ended AFTER UPDATE OF status, finished_at ON threads_run
WHEN NEW.kind <> 'title' AND (NEW.finished_at IS NOT OLD.finished_at OR NEW.status <> OLD.status)
    AND (NEW.finished_at IS NOT NULL OR OLD.finished_at IS NOT NULL)
BEGIN
    INSERT INTO threads_day (position, day)
    SELECT position, NEW.created_at / 86400000 FROM threads_thread t
    WHERE thread_id = NEW.thread_id AND NOT EXISTS (
        SELECT 1 FROM threads_day d WHERE d.position = t.position AND d.day = NEW.created_at / 86400000);
    UPDATE threads_day SET
        runs = runs + (NEW.finished_at IS NOT NULL) - (OLD.finished_at IS NOT NULL),
        failures = failures + (NEW.finished_at IS NOT NULL AND NEW.status = 'error')
            - (OLD.finished_at IS NOT NULL AND OLD.status = 'error'),
        milliseconds = milliseconds + coalesce(NEW.finished_at - coalesce(NEW.started_at, NEW.created_at), 0)
            - coalesce(OLD.finished_at - coalesce(OLD.started_at, OLD.created_at), 0)
    WHERE position = (SELECT position FROM threads_thread WHERE thread_id = NEW.thread_id)
        AND day = NEW.created_at / 86400000;
END;
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
-- The key by which cursors and event ids are sealed (see threads/db/seals.py): one row.
CREATE TABLE threads_secret (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    key BLOB NOT NULL
);
-- What a run failed with, in parts: users who are no admins are told the type only. `error` holds both, as text.
ALTER TABLE threads_run ADD COLUMN error_type TEXT;

ALTER TABLE threads_run ADD COLUMN error_message TEXT;
-- How many users were ever added, so that a server sees that there were some, also once they are removed.
CREATE TABLE threads_users_added (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
);

CREATE TRIGGER threads_user_added AFTER INSERT ON threads_user
BEGIN
    INSERT INTO threads_users_added (id, number) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET number = number + 1;
END;

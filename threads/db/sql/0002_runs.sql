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

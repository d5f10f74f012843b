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

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

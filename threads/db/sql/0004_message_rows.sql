-- The messages of the current branch as its head has them, in their order: reading some of them decodes no checkpoint.
-- The id is the thread's position * 2^20 + the place in the conversation; the places of a thread have no gaps. The text
-- of a message, its role and its own id are in threads_message_text.
CREATE TABLE threads_message (
    id INTEGER PRIMARY KEY,
    text_id INTEGER,                              -- the row in threads_message_text; NULL: the one with the same id
    id_hash INTEGER,                              -- of the message's own id; NULL: it has none
    identity INTEGER NOT NULL,                    -- hash of what branches have in common where they have the same message
    digest INTEGER,                               -- hash of the stored bytes of this message and all before; NULL: unknown
    checkpoint_id,                                -- the checkpoint with which it was stored; 16 bytes if it is a UUID
    run_id,                                       -- the run that stored it; 16 bytes if it is a UUID
    details TEXT                                  -- JSON: all else; NULL: a text without more
);

CREATE INDEX threads_message_by_hash ON threads_message (id_hash) WHERE id_hash IS NOT NULL;

-- The branches of a thread beside the current one.
CREATE TABLE threads_branch (
    position INTEGER NOT NULL,
    tip TEXT NOT NULL,                            -- the last checkpoint of the branch
    ordinal INTEGER NOT NULL,                     -- order of writing
    shared INTEGER NOT NULL,                      -- how many rows of threads_message it begins with
    messages BLOB NOT NULL,                       -- identity and id_hash of each message after these, 8 and 4 bytes
    PRIMARY KEY (position, tip)
) WITHOUT ROWID;

-- How many branches the thread has; NULL: unknown.
ALTER TABLE threads_thread ADD COLUMN branch_count INTEGER;

-- The place of the first message since which messages were only appended.
ALTER TABLE threads_thread ADD COLUMN append_only_from INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER threads_message_thread_delete AFTER DELETE ON threads_thread
BEGIN
    DELETE FROM threads_message WHERE id BETWEEN OLD.position << 20 AND (OLD.position << 20) + 1048575;
    DELETE FROM threads_branch WHERE position = OLD.position;
END;

CREATE TRIGGER threads_branch_checkpoint_delete AFTER DELETE ON checkpoints WHEN OLD.checkpoint_ns = ''
BEGIN
    UPDATE threads_thread SET branch_count = NULL WHERE thread_id = OLD.thread_id AND branch_count IS NOT NULL;
END;

CREATE TRIGGER threads_branch_checkpoint_update AFTER UPDATE OF parent_checkpoint_id ON checkpoints WHEN OLD.checkpoint_ns = ''
BEGIN
    UPDATE threads_thread SET branch_count = NULL
    WHERE thread_id IN (OLD.thread_id, NEW.thread_id) AND branch_count IS NOT NULL;
END;

-- The rows are filled as the threads are read.
UPDATE threads_thread SET projected_id = NULL WHERE head_id IS NOT NULL;

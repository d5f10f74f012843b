-- Rows of messages: the conversation of each thread at its head, and its other branches.

-- The newest messages of a range, with their texts, the last one first.
-- name: list
SELECT m.id AS id, t.message_id, t.role, t.text, m.checkpoint_id, m.run_id, m.details
FROM threads_message m CROSS JOIN threads_message_text t ON t.id = coalesce(m.text_id, m.id)
WHERE m.id > :first AND m.id < :before ORDER BY m.id DESC LIMIT :limit

-- The first and the last row of a thread.
-- name: range
SELECT (SELECT min(id) FROM threads_message WHERE id > :first AND id <= :last),
    (SELECT max(id) FROM threads_message WHERE id > :first AND id <= :last)

-- The rows of messages with this hash of an id.
-- name: find
SELECT m.id AS id, t.message_id AS message_id
FROM threads_message m CROSS JOIN threads_message_text t ON t.id = coalesce(m.text_id, m.id)
WHERE m.id_hash = :id_hash AND m.id > :first AND m.id <= :last ORDER BY m.id

-- The ids of a thread's messages.
-- name: ids
SELECT t.message_id FROM threads_message m CROSS JOIN threads_message_text t ON t.id = coalesce(m.text_id, m.id)
WHERE m.id > :first AND m.id <= :last ORDER BY m.id

-- A row as it is stored.
-- name: stored
SELECT id, text_id, id_hash, identity, digest, checkpoint_id, run_id, details FROM threads_message
WHERE id > :first AND id <= :last ORDER BY id

-- The digest of a message and all before it.
-- name: digest
SELECT digest FROM threads_message WHERE id = :id

-- The checkpoint with which a message was stored.
-- name: origin
SELECT checkpoint_id, digest FROM threads_message WHERE id = :id

-- The last message that was stored with a checkpoint.
-- name: last_of_checkpoint
SELECT id FROM threads_message WHERE id > :first AND id <= :last AND checkpoint_id = :checkpoint_id
ORDER BY id DESC LIMIT 1

-- The identities of a thread's messages, without system messages.
-- name: identities
SELECT m.id, m.identity, m.id_hash FROM threads_message m WHERE m.id > :first AND m.id <= :last ORDER BY m.id

-- Whether each message of a thread has the same id as its text, and no other text is there.
-- name: is_aligned
SELECT (SELECT count(*) FROM threads_message_text WHERE id > :first AND id <= :last)
    = (SELECT count(*) FROM threads_message WHERE id > :first AND id <= :last)
AND NOT EXISTS (SELECT 1 FROM threads_message WHERE id > :first AND id <= :last AND text_id IS NOT NULL)

-- The last rows of a thread: with which run they were stored.
-- name: runs
SELECT id, run_id FROM threads_message WHERE id > :first AND id < :before ORDER BY id DESC LIMIT :limit

-- Store a row.
-- name: insert
INSERT INTO threads_message (id, text_id, id_hash, identity, digest, checkpoint_id, run_id, details)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- Copy rows to another thread.
-- name: copy
INSERT INTO threads_message (id, text_id, id_hash, identity, digest, checkpoint_id, run_id, details)
SELECT id + :shift, NULL, id_hash, identity, digest, checkpoint_id, run_id, details
FROM threads_message WHERE id BETWEEN :first AND :last

-- Delete rows of a thread.
-- name: delete
DELETE FROM threads_message WHERE id BETWEEN :first AND :last

-- The other branches of a thread, in the order of writing.
-- name: branches
SELECT tip, messages FROM threads_branch WHERE position = :position ORDER BY ordinal

-- Store a branch.
-- name: insert_branch
INSERT INTO threads_branch (position, tip, ordinal, messages) VALUES (?, ?, ?, ?)

-- Delete the branches of a thread.
-- name: delete_branches
DELETE FROM threads_branch WHERE position = :position

-- Delete all rows.
-- name: delete_rows
DELETE FROM threads_message

-- Delete all branches.
-- name: delete_all_branches
DELETE FROM threads_branch

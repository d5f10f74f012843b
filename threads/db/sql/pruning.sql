-- Letting go of checkpoints.

-- name: namespaces
SELECT DISTINCT checkpoint_ns FROM checkpoints WHERE thread_id = :thread_id ORDER BY checkpoint_ns

-- The head first, then the others from the one written last.
-- name: newest
SELECT checkpoint_id FROM checkpoints c WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns
ORDER BY checkpoint_ns = '' AND checkpoint_id IS (
    SELECT head_id FROM threads_thread t WHERE t.thread_id = c.thread_id) DESC, rowid DESC
LIMIT :n

-- name: all
SELECT checkpoint_id FROM checkpoints WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns

-- name: one
SELECT parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND checkpoint_id = :checkpoint_id

-- name: weight
SELECT count(*) AS checkpoints, coalesce(sum(length(checkpoint) + length(metadata)), 0) AS bytes FROM checkpoints
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns
  AND checkpoint_id IN (SELECT value FROM json_each(:ids))

-- name: weight_of_writes
SELECT coalesce(sum(length(value)), 0) FROM writes
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns
  AND checkpoint_id IN (SELECT value FROM json_each(:ids))

-- name: drop_checkpoints
DELETE FROM checkpoints WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns
  AND checkpoint_id IN (SELECT value FROM json_each(:ids))

-- name: drop_writes
DELETE FROM writes WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns
  AND checkpoint_id IN (SELECT value FROM json_each(:ids))

-- name: head
SELECT head_id FROM threads_thread WHERE thread_id = :thread_id

-- name: keep_origin
INSERT INTO threads_message_origin (thread_id, message_id, created_at, run_id) VALUES (?, ?, ?, ?)
ON CONFLICT (thread_id, message_id) DO NOTHING

-- name: copy_origins
INSERT INTO threads_message_origin (thread_id, message_id, created_at, run_id)
SELECT :target, message_id, created_at, run_id FROM threads_message_origin WHERE thread_id = :source

-- A run of a new thread may have stored results before its first checkpoint.
-- name: remembers
SELECT 1 FROM checkpoints WHERE thread_id = :thread_id UNION ALL SELECT 1 FROM writes WHERE thread_id = :thread_id
LIMIT 1

-- name: of_runs
SELECT thread_id, checkpoint_ns, json_group_array(checkpoint_id) AS ids FROM checkpoints
WHERE CASE WHEN json_valid(CAST(metadata AS TEXT)) THEN json_extract(CAST(metadata AS TEXT), '$.run_id') END
    IN (SELECT value FROM json_each(:run_ids))
GROUP BY thread_id, checkpoint_ns

-- name: copy_checkpoints
INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)
SELECT :target, checkpoint_ns, checkpoint_id, (
    SELECT p.checkpoint_id FROM checkpoints p
    WHERE p.thread_id = c.thread_id AND p.checkpoint_ns = c.checkpoint_ns
      AND p.checkpoint_id = c.parent_checkpoint_id), type, checkpoint, metadata FROM checkpoints c
WHERE thread_id = :source
ORDER BY checkpoint_ns = '' AND checkpoint_id IS (
    SELECT head_id FROM threads_thread t WHERE t.thread_id = c.thread_id), rowid

-- name: copy_writes
INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)
SELECT :target, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value FROM writes
WHERE thread_id = :source

-- Make the projection stale if messages are indexed that the state does not hold: their history is deleted.
-- name: forget_trimmed
UPDATE threads_thread SET projected_id = NULL
WHERE thread_id = :thread_id AND EXISTS (
    SELECT 1 FROM threads_message_text s
    WHERE s.id > threads_thread.position << 20 AND s.id <= (threads_thread.position << 20) + 1048575
      AND s.is_counted = 0 AND s.role IN ('user', 'assistant') AND trim(s.text) <> '')

-- Give a copied thread the title that was derived from the source; its own is derived where that is possible.
-- name: copy_title
UPDATE threads_thread
SET auto_title = coalesce((SELECT auto_title FROM threads_thread WHERE thread_id = :source), auto_title)
WHERE thread_id = :target

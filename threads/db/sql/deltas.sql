-- The way from a checkpoint back to its delta channels' last snapshot.

-- Parents first, one key lookup a step; the rows come lazily, so whoever stops reading stops the walk.
-- name: ancestors
WITH RECURSIVE ancestor (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, metadata) AS (
    SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, NULL FROM checkpoints
    WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?
    UNION ALL
    SELECT c.thread_id, c.checkpoint_ns, c.checkpoint_id, c.parent_checkpoint_id, c.metadata
    FROM ancestor a CROSS JOIN checkpoints c
    WHERE c.thread_id = a.thread_id AND c.checkpoint_ns = a.checkpoint_ns
      AND c.checkpoint_id = a.parent_checkpoint_id
)
SELECT checkpoint_id, parent_checkpoint_id, metadata FROM ancestor LIMIT -1 OFFSET 1

-- name: checkpoint
SELECT type, checkpoint FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?

-- name: writes
SELECT checkpoint_id, task_id, type, value, task_path, idx FROM writes
WHERE thread_id = ? AND checkpoint_ns = ? AND channel = ?
  AND checkpoint_id IN (SELECT value FROM json_each(?))

-- name: revision
SELECT revision FROM threads_thread WHERE thread_id = ?

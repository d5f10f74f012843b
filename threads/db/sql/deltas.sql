-- A delta channel: the last snapshot of its value, and what was written to it since.

-- name: checkpoint
SELECT type, checkpoint FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?

-- name: writes
SELECT checkpoint_id, task_id, type, value, task_path, idx FROM writes
WHERE thread_id = ? AND checkpoint_ns = ? AND channel = ?
  AND checkpoint_id IN (SELECT value FROM json_each(?))

-- name: revision
SELECT revision FROM threads_thread WHERE thread_id = ?

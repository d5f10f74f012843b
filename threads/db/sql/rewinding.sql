-- Taking a run back. All that it stored says so in its metadata.

-- name: drop_writes_of_run
DELETE FROM writes WHERE thread_id = :thread_id AND EXISTS (
    SELECT 1 FROM checkpoints c
    WHERE c.thread_id = writes.thread_id AND c.checkpoint_ns = writes.checkpoint_ns
      AND c.checkpoint_id = writes.checkpoint_id AND json_extract(CAST(c.metadata AS TEXT), '$.run_id') = :run_id)

-- name: drop_checkpoints_of_run
DELETE FROM checkpoints
WHERE thread_id = :thread_id AND json_extract(CAST(metadata AS TEXT), '$.run_id') = :run_id

-- name: tips
SELECT checkpoint_id FROM checkpoints c
WHERE thread_id = :thread_id AND checkpoint_ns = '' AND checkpoint_id IN (
    SELECT checkpoint_id FROM checkpoints WHERE thread_id = :thread_id AND checkpoint_ns = ''
    EXCEPT SELECT parent_checkpoint_id FROM checkpoints WHERE thread_id = :thread_id AND checkpoint_ns = '')
ORDER BY rowid
-- name: input_of_run
SELECT 1 FROM checkpoints
WHERE thread_id = :thread_id AND checkpoint_ns = '' AND json_extract(CAST(metadata AS TEXT), '$.run_id') = :run_id
  AND json_extract(CAST(metadata AS TEXT), '$.source') = 'input'

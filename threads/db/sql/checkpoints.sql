-- What the memory asks of the checkpointer's own tables.

-- name: thread
SELECT t.head_id, t.trashed_at, r.run_id, r.position, r.attempt, r.expires_at FROM threads_thread t
LEFT JOIN threads_run r ON r.thread_id = t.thread_id AND r.status = 'running' AND r.kind <> 'title'
WHERE t.thread_id = :thread_id

-- A run whose lease ran out, when a turn outside any runner goes on in its thread.
-- name: give_up_run
UPDATE threads_run
SET status = 'error', expires_at = NULL, stop_request = NULL, error = 'its process is gone, and the thread went on without it', error_type = 'ProcessLost',
    error_message = 'its process is gone, and the thread went on without it',
    finished_at = CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)
WHERE run_id = :run_id

-- name: tell_given_up
INSERT INTO threads_event (thread_id, sequence, run_id, type, data, created_at)
SELECT thread_id, (SELECT coalesce(max(sequence), 0) + 1 FROM threads_event e WHERE e.thread_id = r.thread_id), run_id,
    'failed', json_object('input_tokens', input_tokens, 'output_tokens', output_tokens, 'reason', error,
        'error_type', error_type, 'error_message', error_message), finished_at
FROM threads_run r WHERE run_id = :run_id

-- name: forget_its_words
DELETE FROM threads_event WHERE thread_id = :thread_id AND run_id = :run_id AND type = 'token'

-- name: newest
SELECT checkpoint_id AS head_id FROM checkpoints WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns
ORDER BY rowid DESC LIMIT 1

-- name: checkpoint
SELECT type, checkpoint, metadata FROM checkpoints
WHERE thread_id = :thread_id AND checkpoint_ns = '' AND checkpoint_id = :checkpoint_id

-- From a checkpoint to the root, itself first. CROSS JOIN keeps it at one key lookup a step; rows come lazily.
-- name: ancestors
WITH RECURSIVE ancestor (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, metadata) AS (
    SELECT thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, {metadata} FROM checkpoints c
    WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?
    UNION ALL
    SELECT c.thread_id, c.checkpoint_ns, c.checkpoint_id, c.parent_checkpoint_id, {metadata}
    FROM ancestor a CROSS JOIN checkpoints c
    WHERE c.thread_id = a.thread_id AND c.checkpoint_ns = a.checkpoint_ns
      AND c.checkpoint_id = a.parent_checkpoint_id
)
SELECT checkpoint_id, parent_checkpoint_id, metadata FROM ancestor

-- name: metadata
SELECT checkpoint_id, metadata FROM checkpoints WHERE thread_id = :thread_id AND checkpoint_ns = ''

-- name: origins
SELECT message_id, created_at, run_id FROM threads_message_origin WHERE thread_id = :thread_id

-- name: writes_at
SELECT type, value, task_path, task_id, idx FROM writes
WHERE thread_id = :thread_id AND checkpoint_ns = '' AND checkpoint_id = :checkpoint_id AND channel = :channel

-- name: all_writes_at
SELECT type, value, task_path, task_id, idx FROM writes
WHERE thread_id = :thread_id AND checkpoint_ns = '' AND checkpoint_id = :checkpoint_id

-- Interrupts of the tasks at a checkpoint and in its subgraphs, and whether the task has not gone on since: what a
-- task wrote when it was done has a place from 0 on, and a subgraph goes on from its newest checkpoint.
-- name: interrupts_at
SELECT type, value, task_path, task_id, idx, NOT EXISTS (
    SELECT 1 FROM writes done
    WHERE done.thread_id = w.thread_id AND done.checkpoint_ns = w.checkpoint_ns
      AND done.checkpoint_id = w.checkpoint_id AND done.task_id = w.task_id AND done.idx >= 0) AS waits
FROM writes w
WHERE thread_id = :thread_id AND checkpoint_ns = '' AND checkpoint_id = :checkpoint_id AND channel = :channel
UNION ALL
SELECT w.type, value, task_path, task_id, idx, NOT EXISTS (
    SELECT 1 FROM writes done
    WHERE done.thread_id = w.thread_id AND done.checkpoint_ns = w.checkpoint_ns
      AND done.checkpoint_id = w.checkpoint_id AND done.task_id = w.task_id AND done.idx >= 0)
  AND NOT EXISTS (
    SELECT 1 FROM checkpoints later
    WHERE later.thread_id = c.thread_id AND later.checkpoint_ns = c.checkpoint_ns AND later.rowid > c.rowid)
FROM checkpoints c JOIN writes w
  ON w.thread_id = c.thread_id AND w.checkpoint_ns = c.checkpoint_ns AND w.checkpoint_id = c.checkpoint_id
WHERE c.thread_id = :thread_id AND c.checkpoint_ns > '' AND w.channel = :channel
  AND CASE WHEN json_valid(CAST(c.metadata AS TEXT))
    THEN json_extract(CAST(c.metadata AS TEXT), '$.parents.""') = :checkpoint_id END

-- Answers that tasks have taken at a checkpoint or in its namespaces.
-- name: answers
SELECT checkpoint_ns, checkpoint_id, task_id, type, value FROM writes WHERE thread_id = :thread_id AND channel = :channel

-- name: drop_answers
DELETE FROM writes
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND checkpoint_id = :checkpoint_id
  AND task_id = :task_id AND channel = :channel

-- name: replace_answers
UPDATE writes SET type = :type, value = :value
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND checkpoint_id = :checkpoint_id
  AND task_id = :task_id AND channel = :channel

-- name: channel_writes
SELECT checkpoint_id, type, value, task_path, task_id, idx FROM writes
WHERE thread_id = :thread_id AND checkpoint_ns = '' AND channel = :channel

-- Storing a checkpoint again keeps its place in the order; INSERT OR REPLACE would make it the newest.
-- name: put
INSERT INTO checkpoints
    (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)
VALUES (:thread_id, :checkpoint_ns, :checkpoint_id, :parent_checkpoint_id, :type, :checkpoint, :metadata)
ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id) DO UPDATE SET
    parent_checkpoint_id = excluded.parent_checkpoint_id, type = excluded.type,
    checkpoint = excluded.checkpoint, metadata = excluded.metadata

-- name: put_writes
INSERT OR IGNORE INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: replace_writes
INSERT OR REPLACE INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: list
SELECT thread_id, checkpoint_ns, checkpoint_id FROM (
    SELECT rowid AS place, * FROM checkpoints {where}) AS found
WHERE NOT EXISTS (
    SELECT 1 FROM threads_thread t WHERE t.thread_id = found.thread_id AND t.trashed_at IS NOT NULL)
ORDER BY place DESC LIMIT ?

-- name: was_deleted
SELECT 1 FROM threads_tombstone t WHERE t.thread_id = ? AND NOT EXISTS (
    SELECT 1 FROM checkpoints c WHERE c.thread_id = t.thread_id AND c.checkpoint_ns = ? AND c.checkpoint_id = ?)

-- name: tuple
SELECT parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints
WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?

-- name: pending
SELECT task_id, channel, type, value, task_path, idx FROM writes
WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?

-- name: place
SELECT rowid FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?

-- name: checkpoint_metadata
SELECT metadata FROM checkpoints
WHERE thread_id = :thread_id AND checkpoint_ns = '' AND checkpoint_id = :checkpoint_id

-- The checkpoint before this one.
-- name: parent
SELECT parent_checkpoint_id FROM checkpoints
WHERE thread_id = :thread_id AND checkpoint_ns = '' AND checkpoint_id = :checkpoint_id

-- Whether something written to the conversation at one of these checkpoints may hold a message with this id.
-- name: writes_naming
SELECT 1 FROM json_each(:steps) step CROSS JOIN writes w
WHERE w.thread_id = :thread_id AND w.checkpoint_ns = '' AND w.checkpoint_id = step.value
  AND w.channel IN (:channel, :other) AND (w.type IS NOT 'msgpack' OR instr(w.value, :id) > 0) LIMIT 1

-- name: results
SELECT DISTINCT task_id, channel FROM writes WHERE thread_id = ? AND checkpoint_ns = '' AND checkpoint_id = ?

-- name: result
SELECT type, value FROM writes
WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ? AND task_id = ? AND idx = ?

-- name: history
SELECT checkpoint_id, parent_checkpoint_id, metadata FROM checkpoints
WHERE thread_id = :thread_id AND checkpoint_ns = '' ORDER BY rowid DESC

-- The delete triggers take the thread's row and leave the tombstone; a thread never used has a row only.
-- name: delete_checkpoints
DELETE FROM checkpoints WHERE thread_id = :thread_id

-- name: delete_writes
DELETE FROM writes WHERE thread_id = :thread_id

-- name: delete_row
DELETE FROM threads_thread WHERE thread_id = :thread_id

-- What a subgraph that remembers goes on from, and whether what its turn knows of is there.
-- name: memory
SELECT
    (SELECT checkpoint_id FROM checkpoints WHERE rowid = (
        SELECT max(rowid) FROM checkpoints
        WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns)) AS newest,
    EXISTS (SELECT 1 FROM checkpoints
        WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns
          AND checkpoint_id = :parent) AS parent_is_stored,
    EXISTS (SELECT 1 FROM checkpoints
        WHERE thread_id = :thread_id AND checkpoint_ns = '' AND checkpoint_id = :root) AS root_is_stored,
    EXISTS (SELECT 1 FROM threads_tombstone WHERE thread_id = :thread_id) AS was_deleted

-- name: newest_first
SELECT checkpoint_id FROM checkpoints WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns
ORDER BY rowid DESC

-- name: take_back_results_at
DELETE FROM writes
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND checkpoint_id = :checkpoint_id

-- name: take_back_checkpoint
DELETE FROM checkpoints
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND checkpoint_id = :checkpoint_id

-- Nobody else's are the results at a checkpoint that was refused, and the namespaces of tasks under it. A
-- subgraph that remembers has no task in its namespace: what others have not gone on from is taken back one by one.
-- name: take_back_results
DELETE FROM writes
WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND checkpoint_id = :checkpoint_id
  AND NOT EXISTS (
    SELECT 1 FROM checkpoints
    WHERE thread_id = :thread_id AND checkpoint_ns = :checkpoint_ns AND checkpoint_id = :checkpoint_id)

-- name: take_back_subgraph_results
DELETE FROM writes
WHERE thread_id = :thread_id AND (checkpoint_ns, checkpoint_id) IN ({under_refused})

-- name: take_back_subgraphs
DELETE FROM checkpoints
WHERE thread_id = :thread_id AND (checkpoint_ns, checkpoint_id) IN ({under_refused})

-- name: under_refused
SELECT checkpoint_ns, checkpoint_id FROM checkpoints
WHERE thread_id = :thread_id AND :checkpoint_ns = '' AND checkpoint_ns <> ''
  AND json_extract(CAST(metadata AS TEXT), '$.parents.""') = :checkpoint_id
  AND (instr(checkpoint_ns, ':') > 0 OR NOT EXISTS (
    SELECT 1 FROM checkpoints WHERE thread_id = :thread_id AND checkpoint_ns = ''))
  AND NOT EXISTS (
    SELECT 1 FROM checkpoints
    WHERE thread_id = :thread_id AND checkpoint_ns = '' AND checkpoint_id = :checkpoint_id)

-- name: forget_subgraph_results
DELETE FROM writes WHERE thread_id = :thread_id AND (checkpoint_ns, checkpoint_id) IN ({of_others})

-- name: forget_subgraphs
DELETE FROM checkpoints WHERE thread_id = :thread_id AND (checkpoint_ns, checkpoint_id) IN ({of_others})

-- name: of_others
SELECT checkpoint_ns, checkpoint_id FROM checkpoints
WHERE thread_id = :thread_id AND :checkpoint_ns = '' AND checkpoint_ns <> ''
  AND json_extract(CAST(metadata AS TEXT), '$.parents.""') IS NOT :checkpoint_id

-- A thread that was deleted, and has no checkpoint of its own again: what is stored of it is a run's leftover.
-- name: is_deleted
SELECT 1 FROM threads_tombstone t WHERE t.thread_id = :thread_id AND NOT EXISTS (
    SELECT 1 FROM checkpoints c WHERE c.thread_id = t.thread_id AND c.checkpoint_ns = '')

-- name: copy_checkpoint
INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)
SELECT :target, checkpoint_ns, checkpoint_id, (
    SELECT p.checkpoint_id FROM checkpoints p
    WHERE p.thread_id = c.thread_id AND p.checkpoint_ns = c.checkpoint_ns
      AND p.checkpoint_id = c.parent_checkpoint_id), type, checkpoint, metadata FROM checkpoints c
WHERE thread_id = :source AND checkpoint_ns = '' AND checkpoint_id = :checkpoint_id

-- name: copy_writes
INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)
SELECT :target, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value FROM writes
WHERE thread_id = :source AND checkpoint_ns = '' AND checkpoint_id = :checkpoint_id

-- The checkpoints of subgraphs say which of the root's they belong to. At the head, the memory of
-- subgraphs that have one (no task in their namespace) goes along, from whenever it is.
-- name: copy_subgraph_checkpoints
INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)
SELECT :target, checkpoint_ns, checkpoint_id, (
    SELECT p.checkpoint_id FROM checkpoints p
    WHERE p.thread_id = c.thread_id AND p.checkpoint_ns = c.checkpoint_ns
      AND p.checkpoint_id = c.parent_checkpoint_id), type, checkpoint, metadata FROM checkpoints c
WHERE thread_id = :source AND checkpoint_ns <> ''
  AND (json_extract(CAST(metadata AS TEXT), '$.parents.""') IN (SELECT value FROM json_each(:roots))
    OR (:at_head AND instr(checkpoint_ns, ':') = 0))
ORDER BY rowid

-- name: copy_subgraph_writes
INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)
SELECT :target, w.checkpoint_ns, w.checkpoint_id, w.task_id, w.task_path, w.idx, w.channel, w.type, w.value
FROM writes w JOIN checkpoints c
  ON c.thread_id = w.thread_id AND c.checkpoint_ns = w.checkpoint_ns AND c.checkpoint_id = w.checkpoint_id
WHERE w.thread_id = :source AND w.checkpoint_ns <> ''
  AND (json_extract(CAST(c.metadata AS TEXT), '$.parents.""') IN (SELECT value FROM json_each(:roots))
    OR (:at_head AND instr(w.checkpoint_ns, ':') = 0))

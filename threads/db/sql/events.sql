-- The event log.

-- The columns of an event.
-- name: columns
position, thread_id, sequence, run_id, type, data, created_at

-- Store an event with the next sequence of its thread, unless the thread was deleted.
-- name: append
INSERT INTO threads_event (thread_id, sequence, run_id, type, message_id, data, created_at)
SELECT :thread_id, (SELECT coalesce(max(sequence), 0) + 1 FROM threads_event WHERE thread_id = :thread_id),
    :run_id, :type, :message_id, :data, :at
WHERE EXISTS (SELECT 1 FROM threads_thread WHERE thread_id = :thread_id)

-- Delete what was reported of a message before the whole of it, or its place in the conversation, was known.
-- name: delete_parts_of_message
DELETE FROM threads_event WHERE thread_id = :thread_id AND message_id = :message_id AND (type = 'token'
    OR type = 'message' AND json_extract(data, '$.in_conversation') = 0 AND json_extract(:data, '$.in_conversation') IS NULL)

-- Mark events of a run as not belonging to the conversation: tokens of these messages, and these tool calls.
-- name: exclude
UPDATE threads_event SET data = json_set(data, '$.in_conversation', json('false'))
WHERE run_id = :run_id AND thread_id = (SELECT thread_id FROM threads_run WHERE run_id = :run_id) AND (
    type = 'token' AND message_id IN (SELECT value FROM json_each(:message_ids))
    OR type IN ('tool_started', 'tool_finished')
        AND json_extract(data, '$.tool_call_id') IN (SELECT value FROM json_each(:tool_call_ids)))

-- Delete the tokens of a run.
-- name: delete_tokens
DELETE FROM threads_event WHERE thread_id = :thread_id AND run_id = :run_id AND type = 'token'

-- Delete all events of a run but its end.
-- name: delete_before_end
DELETE FROM threads_event WHERE thread_id = :thread_id AND run_id = :run_id AND type <> 'stopped'

-- Delete all but the newest events of a thread.
-- name: trim
DELETE FROM threads_event
WHERE thread_id = :thread_id AND sequence <= (
    SELECT max(sequence) - :max_events FROM threads_event WHERE thread_id = :thread_id)

-- The next events of a thread.
-- name: list_of_thread
SELECT {columns} FROM threads_event WHERE thread_id = :name AND sequence > :after ORDER BY sequence LIMIT :limit

-- The next events of an owner, by way of the owner's threads that have any: events of others cost nothing.
-- name: list_of_owner
SELECT {columns} FROM threads_event WHERE position IN (
    SELECT e.position FROM threads_thread t CROSS JOIN threads_event e ON e.thread_id = t.thread_id
    WHERE t.owner = :name AND e.position > :after AND :after < (
        SELECT position FROM threads_event l WHERE l.thread_id = t.thread_id ORDER BY sequence DESC LIMIT 1)
    ORDER BY e.position LIMIT :limit)
ORDER BY position

-- The owners of threads.
-- name: list_owners
SELECT t.thread_id, t.owner FROM json_each(:thread_ids) AS wanted
CROSS JOIN threads_thread t ON t.thread_id = wanted.value

-- The first event after deleted ones: a thread whose oldest events were deleted may have had some after this position.
-- name: first_after_gap
SELECT max(oldest.position) FROM threads_thread t JOIN threads_event oldest ON oldest.thread_id = t.thread_id
    AND oldest.sequence = (SELECT min(sequence) FROM threads_event e WHERE e.thread_id = t.thread_id)
WHERE oldest.sequence > 1 AND oldest.position > :after

-- The same of an owner's threads.
-- name: first_after_gap_of_owner
SELECT max(oldest.position) FROM threads_thread t CROSS JOIN threads_event oldest ON oldest.thread_id = t.thread_id
    AND oldest.sequence = (SELECT min(sequence) FROM threads_event e WHERE e.thread_id = t.thread_id)
WHERE t.owner = :owner AND oldest.sequence > 1 AND oldest.position > :after

-- The next events of all threads.
-- name: list_of_all
SELECT {columns} FROM threads_event WHERE position > :after ORDER BY position LIMIT :limit

-- The oldest event of a thread.
-- name: first_sequence
SELECT min(sequence) FROM threads_event WHERE thread_id = :thread_id

-- What precedes the first event of a run.
-- name: before_run
SELECT min(sequence) - 1 FROM threads_event WHERE thread_id = :thread_id AND run_id = :run_id

-- The newest event of a thread.
-- name: last_sequence
SELECT max(sequence) FROM threads_event WHERE thread_id = :thread_id

-- The newest event of all.
-- name: last_position
SELECT coalesce(max(position), 0) FROM threads_event

-- The newest event of an owner's threads.
-- name: last_position_of_owner
SELECT coalesce(max((SELECT position FROM threads_event e WHERE e.thread_id = t.thread_id
    ORDER BY sequence DESC LIMIT 1)), 0)
FROM threads_thread t WHERE t.owner = :owner

-- The last position that was assigned, also to an event that was deleted.
-- name: last_assigned_position
SELECT seq FROM sqlite_sequence WHERE name = 'threads_event'

-- Whether a thread exists and is of an owner.
-- name: has_thread
SELECT 1 FROM threads_thread WHERE thread_id = :thread_id AND (:owner IS NULL OR owner = :owner)

-- Those of these threads that do not exist.
-- name: list_deleted_threads
SELECT value FROM json_each(:thread_ids) WHERE value NOT IN (SELECT thread_id FROM threads_thread)

-- Whether a run was started again after an event.
-- name: was_restarted
SELECT 1 FROM threads_event
WHERE thread_id = :thread_id AND sequence > :after AND run_id = :run_id AND type = 'started'

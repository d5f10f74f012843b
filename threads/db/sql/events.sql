-- The log of what happens in threads.

-- name: columns
position, thread_id, sequence, run_id, type, data, created_at

-- name: record
INSERT INTO threads_event (thread_id, sequence, run_id, type, message_id, data, created_at)
SELECT :thread_id, (SELECT coalesce(max(sequence), 0) + 1 FROM threads_event WHERE thread_id = :thread_id),
    :run_id, :type, :message_id, :data, :at
WHERE EXISTS (SELECT 1 FROM threads_thread WHERE thread_id = :thread_id)

-- The words are stored as a whole message now.
-- name: drop_tokens
DELETE FROM threads_event WHERE thread_id = :thread_id AND message_id = :message_id AND type = 'token'

-- name: drop_run_tokens
DELETE FROM threads_event WHERE thread_id = :thread_id AND run_id = :run_id AND type = 'token'

-- name: drop_before_end
DELETE FROM threads_event WHERE thread_id = :thread_id AND run_id = :run_id AND type <> 'stopped'

-- name: trim
DELETE FROM threads_event
WHERE thread_id = :thread_id AND sequence <= (
    SELECT max(sequence) - :keep FROM threads_event WHERE thread_id = :thread_id)

-- name: of_thread
SELECT {columns} FROM threads_event WHERE thread_id = :name AND sequence > :after ORDER BY sequence LIMIT :limit

-- By way of the owner's threads that have any: how many events others have costs nothing.
-- name: of_owner
SELECT {columns} FROM threads_event WHERE position IN (
    SELECT e.position FROM threads_thread t CROSS JOIN threads_event e ON e.thread_id = t.thread_id
    WHERE t.owner = :name AND e.position > :after AND :after < (
        SELECT position FROM threads_event l WHERE l.thread_id = t.thread_id ORDER BY sequence DESC LIMIT 1)
    ORDER BY e.position LIMIT :limit)
ORDER BY position

-- name: owners
SELECT t.thread_id, t.owner FROM json_each(:thread_ids) AS asked
CROSS JOIN threads_thread t ON t.thread_id = asked.value

-- A thread that has let its oldest events go may have had some of them behind this position.
-- name: first_kept
SELECT max(kept.position) FROM threads_thread t JOIN threads_event kept ON kept.thread_id = t.thread_id
    AND kept.sequence = (SELECT min(sequence) FROM threads_event e WHERE e.thread_id = t.thread_id)
WHERE kept.sequence > 1 AND kept.position > :after

-- name: first_kept_of_owner
SELECT max(kept.position) FROM threads_thread t CROSS JOIN threads_event kept ON kept.thread_id = t.thread_id
    AND kept.sequence = (SELECT min(sequence) FROM threads_event e WHERE e.thread_id = t.thread_id)
WHERE t.owner = :owner AND kept.sequence > 1 AND kept.position > :after

-- name: of_all
SELECT {columns} FROM threads_event WHERE position > :after ORDER BY position LIMIT :limit

-- name: first_sequence
SELECT min(sequence) FROM threads_event WHERE thread_id = :thread_id

-- name: last_sequence
SELECT max(sequence) FROM threads_event WHERE thread_id = :thread_id

-- name: last_position
SELECT coalesce(max(position), 0) FROM threads_event

-- name: last_of_owner
SELECT coalesce(max((SELECT position FROM threads_event e WHERE e.thread_id = t.thread_id
    ORDER BY sequence DESC LIMIT 1)), 0)
FROM threads_thread t WHERE t.owner = :owner

-- The last position that was given, also to an event that is gone.
-- name: end_of_log
SELECT seq FROM sqlite_sequence WHERE name = 'threads_event'

-- name: has_thread
SELECT 1 FROM threads_thread WHERE thread_id = :thread_id AND (:owner IS NULL OR owner = :owner)

-- name: gone
SELECT value FROM json_each(:thread_ids) WHERE value NOT IN (SELECT thread_id FROM threads_thread)

-- name: begun_after
SELECT 1 FROM threads_event
WHERE thread_id = :thread_id AND sequence > :after AND run_id = :run_id AND type = 'started'

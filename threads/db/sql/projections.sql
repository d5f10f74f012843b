-- Projections: what is derived from the head of a thread.

-- Threads with a stale projection, the last active first, because these are looked for.
-- name: list_stale
SELECT position, thread_id, head_id, created_at, updated_at, projected_id, auto_title FROM threads_thread
WHERE head_id IS NOT projected_id ORDER BY activity DESC LIMIT :limit

-- How many threads have a stale projection.
-- name: count_stale
SELECT count(*) FROM threads_thread WHERE head_id IS NOT projected_id

-- The stale threads of an owner. (The + keeps SQLite from reading the index of all stale threads.)
-- name: list_stale_of_owner
SELECT position, thread_id, head_id, created_at, updated_at, projected_id, auto_title FROM threads_thread
WHERE owner = :owner AND +head_id IS NOT projected_id ORDER BY activity DESC LIMIT :limit

-- How many threads of an owner have a stale projection.
-- name: count_stale_of_owner
SELECT count(*) FROM threads_thread WHERE owner = :owner AND +head_id IS NOT projected_id

-- Store a projection, unless the head has changed since it was derived. What a reader with the graph knows is not
-- replaced by a reader without it.
-- name: store
UPDATE threads_thread
SET projected_id = :head_id, auto_title = :auto_title, preview = :preview, message_count = :message_count,
    created_at = coalesce(created_at, :created_at), updated_at = coalesce(updated_at, :updated_at)
WHERE thread_id = :thread_id AND head_id IS :head_id
    AND (:message_count IS NOT NULL OR message_count IS NULL OR projected_id IS NOT :head_id)

-- The same for what was derived from the last projection and what was stored since.
-- name: store_change
UPDATE threads_thread
SET projected_id = :head_id, auto_title = :auto_title, preview = :preview, message_count = :message_count,
    created_at = coalesce(created_at, :created_at), updated_at = coalesce(updated_at, :updated_at)
WHERE thread_id = :thread_id AND head_id IS :head_id AND projected_id = :since AND message_count IS NOT NULL

-- What is stored of the last projection of a thread.
-- name: stored_projection
SELECT projected_id, auto_title, preview, message_count, branch_count, append_only_from
FROM threads_thread WHERE position = :position

-- Make the projection of a thread stale.
-- name: invalidate
UPDATE threads_thread SET projected_id = NULL WHERE position = :position

-- Store how many branches a thread has.
-- name: set_branch_count
UPDATE threads_thread SET branch_count = :branch_count WHERE position = :position

-- Store since which message messages were only appended.
-- name: set_append_only_from
UPDATE threads_thread SET append_only_from = :append_only_from WHERE position = :position

-- The checkpoints that a thread has got since the last projection.
-- name: newer_checkpoints
SELECT checkpoint_id, parent_checkpoint_id FROM checkpoints
WHERE thread_id = :thread_id AND checkpoint_ns = '' AND checkpoint_id > :projected_id ORDER BY checkpoint_id LIMIT :limit

-- The last counted message of a thread, and how many there are, up to a row.
-- name: counted_upto
SELECT (SELECT text FROM threads_message_text WHERE id > :first AND id <= :upto AND is_counted ORDER BY id DESC LIMIT 1),
    (SELECT count(*) FROM threads_message_text WHERE id > :first AND id <= :upto AND is_counted)

-- The checkpoints of a thread.
-- name: checkpoints
SELECT checkpoint_id FROM checkpoints WHERE thread_id = :thread_id AND checkpoint_ns = ''

-- The first checkpoint of a thread.
-- name: first_checkpoint
SELECT min(checkpoint_id) FROM checkpoints WHERE thread_id = :thread_id AND checkpoint_ns = ''

-- Whether the beginning of a thread's history was pruned.
-- name: is_cut
SELECT parent_checkpoint_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM checkpoints p
    WHERE p.thread_id = c.thread_id AND p.checkpoint_ns = '' AND p.checkpoint_id = c.parent_checkpoint_id)
FROM checkpoints c WHERE thread_id = :thread_id AND checkpoint_ns = '' ORDER BY checkpoint_id LIMIT 1

-- Whether this connection has a temporary copy of the threads.
-- name: has_temporary_threads
SELECT 1 FROM temp.sqlite_master WHERE name = 'threads_thread'

-- Make a temporary copy of the threads, on a connection that may not write the file.
-- name: copy_threads
CREATE TEMP TABLE threads_thread AS SELECT * FROM main.threads_thread

-- Make the projections stale whose messages could not be decoded.
-- name: invalidate_unknown
UPDATE threads_thread SET projected_id = NULL WHERE message_count IS NULL AND head_id IS NOT NULL

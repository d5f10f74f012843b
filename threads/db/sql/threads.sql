-- Threads.

-- The columns of a `ThreadRecord`, in its order.
-- name: columns
position, thread_id, activity, head_id, created_at, updated_at, title, model_title, agent_id, owner, metadata,
pinned, archived, trashed_at, projected_id, auto_title, preview, message_count,
CASE WHEN EXISTS (SELECT 1 FROM threads_run r WHERE r.thread_id = threads_thread.thread_id
    AND r.status = 'running' AND r.kind <> 'title') THEN 'busy' ELSE status END AS status,
(SELECT json_group_array(tag) FROM (
    SELECT tag FROM threads_tag WHERE threads_tag.thread_id = threads_thread.thread_id ORDER BY tag)) AS tags

-- A thread.
-- name: get
SELECT {columns} FROM threads_thread WHERE thread_id = :thread_id

-- Threads by position.
-- name: get_many
SELECT {columns} FROM threads_thread WHERE position IN (SELECT value FROM json_each(:positions))

-- A page of threads: sorted first and read then, because the columns of a row cost more than its place.
-- name: list
SELECT {columns}, {key} AS key FROM threads_thread
WHERE position IN (
    SELECT position FROM {source} {where} ORDER BY {place} {order}, position {order} LIMIT :limit OFFSET :offset)
ORDER BY {key} {order}, position {order}

-- How many threads fit.
-- name: count
SELECT count(*) FROM threads_thread {where}

-- Condition: after the place of a cursor.
-- name: after
({key}, position) {beyond} (:after_key, :after_position)

-- Sort orders, each an expression that is never NULL. Activity and creation are sequences of the ledger: clocks step
-- back, sequences do not.

-- name: sort_updated_at
activity

-- name: sort_created_at
position

-- By a function in Python: SQLite knows upper and lower case of ASCII only. As bytes, which may be no UTF-8.
-- name: sort_title
threads_title_key(CAST(coalesce(title, model_title, auto_title) AS BLOB))

-- name: sort_message_count
coalesce(message_count, -1)

-- name: sort_thread_id
thread_id

-- Filters, one condition each. They have literals because SQLite needs these to choose a partial index.

-- name: filter_agent_id
agent_id = :agent_id

-- name: filter_owner
owner = :owner

-- name: filter_idle
status = :status AND NOT EXISTS (SELECT 1 FROM threads_run r
    WHERE r.thread_id = threads_thread.thread_id AND r.status = 'running' AND r.kind <> 'title')

-- name: filter_not_idle
status = :status AND status <> 'idle' AND NOT EXISTS (SELECT 1 FROM threads_run r
    WHERE r.thread_id = threads_thread.thread_id AND r.status = 'running' AND r.kind <> 'title')

-- name: filter_busy
position IN (SELECT t.position FROM threads_run r JOIN threads_thread t ON t.thread_id = r.thread_id
    WHERE r.status = 'running' AND r.kind <> 'title')

-- name: filter_pinned
pinned = 1

-- name: filter_not_pinned
pinned = 0

-- name: filter_archived
archived = 1

-- name: filter_not_archived
archived = 0

-- name: filter_trashed
trashed_at IS NOT NULL

-- name: filter_not_trashed
trashed_at IS NULL

-- name: filter_tags
json_array_length(:tags) = (
    SELECT count(*) FROM threads_tag
    WHERE threads_tag.thread_id = threads_thread.thread_id AND tag IN (SELECT value FROM json_each(:tags)))

-- name: filter_metadata
NOT EXISTS (
    SELECT 1 FROM json_each(:metadata) AS wanted WHERE NOT EXISTS (
        SELECT 1 FROM json_each(threads_thread.metadata) AS stored
        WHERE stored.key = wanted.key AND stored.type = wanted.type AND stored.value IS wanted.value))

-- name: filter_since
updated_at >= :since

-- name: filter_until
updated_at < :until

-- Store a new thread.
-- name: create
INSERT INTO threads_thread (thread_id, activity, created_at, updated_at, is_out_of_order, title, agent_id, owner, metadata)
VALUES (:thread_id, (SELECT coalesce(max(activity), 0) + 1 FROM threads_thread), :now, :now,
    :now < (SELECT coalesce(max(updated_at), 0) FROM threads_thread), :title, :agent_id, :owner, :metadata)

-- Set columns of a thread.
-- name: update
UPDATE threads_thread SET {assignments} WHERE thread_id = :thread_id

-- Delete all tags of a thread.
-- name: delete_tags
DELETE FROM threads_tag WHERE thread_id = :thread_id

-- Store a tag of a thread.
-- name: insert_tag
INSERT INTO threads_tag (thread_id, tag) VALUES (:thread_id, :tag)

-- Ids among which one may be meant: the last active threads, and those beside it.
-- name: list_ids_near
SELECT thread_id FROM (SELECT thread_id FROM threads_thread ORDER BY activity DESC LIMIT 1000)
UNION
SELECT thread_id FROM (
    SELECT thread_id FROM threads_thread WHERE thread_id >= :start ORDER BY thread_id LIMIT 200)

-- The first ids with a prefix.
-- name: list_ids_with_prefix
SELECT thread_id FROM threads_thread WHERE thread_id >= :start AND substr(thread_id, 1, length(:start)) = :start
ORDER BY thread_id LIMIT :limit

-- Those of these threads whose projection is stale.
-- name: list_stale_of
SELECT position, thread_id, head_id, created_at, updated_at, projected_id, auto_title FROM threads_thread
WHERE head_id IS NOT projected_id AND thread_id IN (SELECT value FROM json_each(:ids))

-- All threads with checkpoints, but for those in the trash.
-- name: list_prunable
SELECT thread_id FROM threads_thread WHERE head_id IS NOT NULL AND trashed_at IS NULL ORDER BY position

-- Store a title made by a model, unless one was set by hand.
-- name: set_model_title
UPDATE threads_thread SET model_title = :title WHERE thread_id = :thread_id AND title IS NULL

-- The request that created a thread once.
-- name: get_creation_request
SELECT request_digest FROM threads_creation_request WHERE thread_id = :thread_id

-- Store the request that created a thread, unless there is one.
-- name: insert_creation_request
INSERT OR IGNORE INTO threads_creation_request (thread_id, request_digest) VALUES (:thread_id, :request_digest)

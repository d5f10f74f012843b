-- What the registry asks of its own tables.

-- name: columns
position, thread_id, activity, head_id, created_at, updated_at, title, model_title, agent_id, owner, metadata,
pinned, archived, trashed_at, projected_id, auto_title, preview, message_count,
CASE WHEN EXISTS (SELECT 1 FROM threads_run r WHERE r.thread_id = threads_thread.thread_id
    AND r.status = 'running' AND r.kind <> 'title') THEN 'busy' ELSE status END AS status,
(SELECT json_group_array(tag) FROM (
    SELECT tag FROM threads_tag WHERE threads_tag.thread_id = threads_thread.thread_id ORDER BY tag)) AS tags

-- name: get
SELECT {columns} FROM threads_thread WHERE thread_id = :thread_id

-- name: get_many
SELECT {columns} FROM threads_thread WHERE position IN (SELECT value FROM json_each(:positions))

-- Put in order first and looked at then: the columns of a row cost more than its place.
-- name: list
SELECT {columns}, {key} AS key FROM threads_thread
WHERE position IN (
    SELECT position FROM {source} {where} ORDER BY {place} {order}, position {order} LIMIT :limit OFFSET :offset)
ORDER BY {key} {order}, position {order}

-- name: count
SELECT count(*) FROM threads_thread {where}

-- name: after
({key}, position) {beyond} (:after_key, :after_position)

-- The orders, each a single value that is never NULL. Activity and creation are the ledger's own
-- sequences: clocks step back, sequences do not.

-- name: sort_updated_at
activity

-- name: sort_created_at
position

-- name: sort_title
lower(coalesce(title, model_title, auto_title))

-- name: sort_message_count
coalesce(message_count, -1)

-- name: sort_thread_id
thread_id

-- The filters, one condition each.

-- name: filter_agent_id
agent_id = :agent_id

-- name: filter_owner
owner = :owner

-- Literals, for SQLite looks at them to choose an index over a part of the rows.

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

-- name: create
INSERT INTO threads_thread (thread_id, activity, created_at, updated_at, is_out_of_order, title, agent_id, owner, metadata)
VALUES (:thread_id, (SELECT coalesce(max(activity), 0) + 1 FROM threads_thread), :now, :now,
    :now < (SELECT coalesce(max(updated_at), 0) FROM threads_thread), :title, :agent_id, :owner, :metadata)

-- name: update
UPDATE threads_thread SET {assignments} WHERE thread_id = :thread_id

-- name: untag
DELETE FROM threads_tag WHERE thread_id = :thread_id

-- name: tag
INSERT INTO threads_tag (thread_id, tag) VALUES (:thread_id, :tag)

-- name: ids_near
SELECT thread_id FROM (SELECT thread_id FROM threads_thread ORDER BY activity DESC LIMIT 1000)
UNION
SELECT thread_id FROM (
    SELECT thread_id FROM threads_thread WHERE thread_id >= :start ORDER BY thread_id LIMIT 200)

-- name: ids_with_prefix
SELECT thread_id FROM threads_thread WHERE thread_id >= :start AND substr(thread_id, 1, length(:start)) = :start
ORDER BY thread_id LIMIT :limit

-- What was said last first: it is what people look for.
-- name: stale
SELECT position, thread_id, head_id, created_at, updated_at FROM threads_thread
WHERE head_id IS NOT projected_id ORDER BY activity DESC LIMIT :limit

-- name: stale_count
SELECT count(*) FROM threads_thread WHERE head_id IS NOT projected_id

-- The same of an owner. (The + keeps SQLite from going through what is stale of all.)

-- name: stale_of_owner
SELECT position, thread_id, head_id, created_at, updated_at FROM threads_thread
WHERE owner = :owner AND +head_id IS NOT projected_id ORDER BY activity DESC LIMIT :limit

-- name: stale_count_of_owner
SELECT count(*) FROM threads_thread WHERE owner = :owner AND +head_id IS NOT projected_id

-- A projection is stored only while the head it was made from is still the head.
-- name: project
UPDATE threads_thread
SET projected_id = :head_id, auto_title = :auto_title, preview = :preview, message_count = :message_count,
    created_at = coalesce(created_at, :created_at), updated_at = coalesce(updated_at, :updated_at)
WHERE thread_id = :thread_id AND head_id IS :head_id

-- name: first_checkpoint
SELECT min(checkpoint_id) FROM checkpoints WHERE thread_id = :thread_id AND checkpoint_ns = ''

-- name: is_shadow
SELECT 1 FROM temp.sqlite_master WHERE name = 'threads_thread'

-- name: shadow
CREATE TEMP TABLE threads_thread AS SELECT * FROM main.threads_thread

-- name: doubt_unknown
UPDATE threads_thread SET projected_id = NULL WHERE message_count IS NULL AND head_id IS NOT NULL

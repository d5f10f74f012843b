-- Retention rules, and the threads they apply to.

-- The rules by name.
-- name: list
SELECT * FROM threads_retention_rule ORDER BY name

-- Store a rule; one of the same name is replaced.
-- name: set
INSERT OR REPLACE INTO threads_retention_rule
    (name, action, thread_id, tag, agent_id, owner, abandoned, inactive, age, trashed)
VALUES (:name, :action, :thread_id, :tag, :agent_id, :owner, :abandoned, :inactive, :age, :trashed)

-- Delete a rule.
-- name: remove
DELETE FROM threads_retention_rule WHERE name = :name

-- The threads that fit the conditions below.
-- name: list_threads
SELECT thread_id FROM threads_thread WHERE {where} ORDER BY position

-- Conditions of a rule.

-- name: if_thread_id
thread_id = :thread_id

-- name: if_tag
thread_id IN (SELECT thread_id FROM threads_tag WHERE tag = :tag)

-- name: if_agent_id
agent_id = :agent_id

-- name: if_owner
owner = :owner

-- name: if_inactive
coalesce(updated_at, created_at) < :now - :inactive

-- name: if_age
created_at < :now - :age

-- name: if_trashed
trashed_at < :now - :trashed

-- No agent ever answered. A thread with an interrupt may still be answered, and a stale one may have an answer.
-- name: if_abandoned
head_id IS projected_id AND message_count IS NOT NULL AND status <> 'interrupted' AND NOT EXISTS (
    SELECT 1 FROM threads_message_text
    WHERE id > (position << 20) AND id <= (position << 20) + 1048575 AND role = 'assistant' AND is_counted = 1)

-- Every rule but `keep` exempts pinned threads, and those with a queued or running run.
-- name: if_not_exempt
pinned = 0 AND NOT EXISTS (
    SELECT 1 FROM threads_run r
    WHERE r.thread_id = threads_thread.thread_id AND r.status IN ('pending', 'running'))

-- One of these threads.
-- name: if_among
thread_id IN (SELECT value FROM json_each(:among))

-- There is something to do for an action.

-- name: if_can_prune
trashed_at IS NULL AND 1 < (
    SELECT count(*) FROM checkpoints c WHERE c.thread_id = threads_thread.thread_id AND c.checkpoint_ns = '')

-- name: if_can_archive
archived = 0 AND trashed_at IS NULL

-- name: if_can_trash
trashed_at IS NULL

-- name: if_can_delete
1

-- Tags, marks of what was read, rules, and what went on.

-- name: tags
SELECT tag, threads FROM threads_tag_count ORDER BY threads DESC, tag

-- name: tags_where
SELECT tag, count(*) AS threads FROM threads_thread CROSS JOIN threads_tag USING (thread_id)
WHERE {where} GROUP BY tag ORDER BY threads DESC, tag

-- name: tagged
SELECT thread_id FROM threads_tag WHERE tag = :tag

-- name: add_tag
INSERT INTO threads_tag (thread_id, tag)
SELECT :thread_id, :tag WHERE NOT EXISTS (SELECT 1 FROM threads_tag WHERE thread_id = :thread_id AND tag = :tag)

-- name: remove_tag
DELETE FROM threads_tag WHERE thread_id = :thread_id AND tag = :tag

-- name: count_tags
SELECT count(*) FROM threads_tag WHERE thread_id = :thread_id

-- name: mark_read
INSERT INTO threads_read_mark (reader, position, last_read_id) VALUES (:reader, :position, :last_read_id)
ON CONFLICT (reader, position) DO UPDATE SET last_read_id = max(last_read_id, excluded.last_read_id)

-- What a thread that is gone said may still stand at the place of one that was begun since: it does not count.
-- name: last_read_id
SELECT max(id) FROM threads_message_text WHERE id > :first AND id <= :last AND (:upto IS NULL OR message_id = :upto)
    AND NOT EXISTS (SELECT 1 FROM threads_index_change u WHERE u.position = :position AND u.is_deleted)

-- User messages are those of the thread's owner; without an owner, of the local user.
-- name: unread
SELECT t.thread_id, (
    SELECT count(*) FROM threads_message_text s
    WHERE s.id > coalesce(r.last_read_id, t.position << 20) AND s.id <= (t.position << 20) + 1048575 AND s.is_counted = 1
        AND NOT EXISTS (SELECT 1 FROM threads_index_change u WHERE u.position = t.position AND u.is_deleted)
    AND NOT (s.role = 'user' AND coalesce(t.owner, :local) = :reader)
) AS unread
FROM json_each(:ids) JOIN threads_thread t ON t.thread_id = json_each.value
LEFT JOIN threads_read_mark r ON r.reader = :reader AND r.position = t.position

-- name: stale_of
SELECT position, thread_id, head_id, created_at, updated_at FROM threads_thread
WHERE head_id IS NOT projected_id AND thread_id IN (SELECT value FROM json_each(:ids))

-- name: rules
SELECT * FROM threads_retention_rule ORDER BY name

-- name: set_rule
INSERT OR REPLACE INTO threads_retention_rule
    (name, action, thread_id, tag, agent_id, owner, abandoned, inactive, age, trashed)
VALUES (:name, :action, :thread_id, :tag, :agent_id, :owner, :abandoned, :inactive, :age, :trashed)

-- name: remove_rule
DELETE FROM threads_retention_rule WHERE name = :name

-- name: fits_rule
SELECT thread_id FROM threads_thread WHERE {where} ORDER BY position

-- name: rule_thread_id
thread_id = :thread_id

-- name: rule_tag
thread_id IN (SELECT thread_id FROM threads_tag WHERE tag = :tag)

-- name: rule_agent_id
agent_id = :agent_id

-- name: rule_owner
owner = :owner

-- name: rule_inactive
coalesce(updated_at, created_at) < :now - :inactive

-- name: rule_age
created_at < :now - :age

-- name: rule_trashed
trashed_at < :now - :trashed

-- Somebody may still speak where a person has to decide; and what is stale may have an answer.
-- name: rule_abandoned
head_id IS projected_id AND message_count IS NOT NULL AND status <> 'interrupted' AND NOT EXISTS (
    SELECT 1 FROM threads_message_text
    WHERE id > (position << 20) AND id <= (position << 20) + 1048575 AND role = 'assistant' AND is_counted = 1)

-- name: rule_for_all
pinned = 0 AND NOT EXISTS (
    SELECT 1 FROM threads_run r
    WHERE r.thread_id = threads_thread.thread_id AND r.status IN ('pending', 'running'))

-- name: rule_among
thread_id IN (SELECT value FROM json_each(:among))

-- What a rule would not change again.
-- name: undone_prune
trashed_at IS NULL AND 1 < (
    SELECT count(*) FROM checkpoints c WHERE c.thread_id = threads_thread.thread_id AND c.checkpoint_ns = '')

-- name: undone_archive
archived = 0 AND trashed_at IS NULL

-- name: undone_trash
trashed_at IS NULL

-- name: undone_delete
1

-- name: stats
SELECT {key} AS key, sum(threads) AS threads, sum(messages) AS messages, sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens, sum(runs) AS runs, sum(failures) AS failures,
    sum(milliseconds) AS milliseconds
FROM {source} WHERE {where} GROUP BY {key} HAVING sum(messages) + sum(runs) + sum(input_tokens) > 0

-- name: stats_by_day
(SELECT * FROM threads_usage_sum {index} WHERE span = 1)

-- Each has its own index: that of the days of all values, or that of one value.

-- name: of_one
INDEXED BY threads_usage_sum_by_value

-- Months from the first to the last whole one, and the days before and after.
-- name: stats_by_month
(SELECT * FROM threads_usage_sum {index} WHERE dimension = :dimension AND span = 32 AND day >= :whole AND day < :rest
 UNION ALL SELECT * FROM threads_usage_sum {index} WHERE dimension = :dimension AND span = 1 AND day < :whole
 UNION ALL SELECT * FROM threads_usage_sum {index} WHERE dimension = :dimension AND span = 1 AND day >= :rest)

-- name: stats_of_threads
(SELECT d.dimension, d.value, day.* FROM threads_thread CROSS JOIN threads_daily_usage day USING (position)
 CROSS JOIN threads_usage_dimension d USING (position) WHERE d.span = 1 AND {where})

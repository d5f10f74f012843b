-- Inconsistencies between our tables and the checkpoints. Each statement returns thread_id and detail.

-- Threads with checkpoints and no row. Another program may have stored any id; only UTF-8 text can be one of ours.
-- name: unlisted
SELECT DISTINCT CAST(c.thread_id AS BLOB) AS id, typeof(c.thread_id) AS type FROM checkpoints c
WHERE NOT EXISTS (SELECT 1 FROM threads_thread t WHERE t.thread_id = c.thread_id)
  AND (c.checkpoint_ns = '' OR NOT EXISTS (SELECT 1 FROM threads_tombstone t WHERE t.thread_id = c.thread_id))

-- Threads whose head does not exist.
-- name: ghost
SELECT thread_id, 'its head ' || head_id || ' is not stored' AS detail FROM threads_thread t
WHERE head_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM checkpoints c
    WHERE c.thread_id = t.thread_id AND c.checkpoint_ns = '' AND c.checkpoint_id = t.head_id)

-- Threads with checkpoints and without a head.
-- name: headless
SELECT t.thread_id, 'it has checkpoints and no head' AS detail FROM threads_thread t
WHERE t.head_id IS NULL
  AND EXISTS (SELECT 1 FROM checkpoints c WHERE c.thread_id = t.thread_id AND c.checkpoint_ns = '')

-- Threads whose head has a successor: the head is the checkpoint written last.
-- name: wrong_head
SELECT t.thread_id, 'its head ' || t.head_id || ' has a successor' AS detail FROM threads_thread t
WHERE EXISTS (
    SELECT 1 FROM checkpoints c
    WHERE c.thread_id = t.thread_id AND c.checkpoint_ns = '' AND c.parent_checkpoint_id = t.head_id
      AND c.checkpoint_id <> t.head_id)

-- Deleted threads of which an active run has stored something since.
-- name: leftover
SELECT thread_id, 'it was deleted, and a run left something behind' AS detail FROM threads_tombstone t
WHERE NOT EXISTS (
        SELECT 1 FROM checkpoints c WHERE c.thread_id = t.thread_id AND c.checkpoint_ns = '')
  AND (EXISTS (SELECT 1 FROM writes w WHERE w.thread_id = t.thread_id)
    OR EXISTS (SELECT 1 FROM checkpoints c WHERE c.thread_id = t.thread_id))

-- Tags of threads that do not exist.
-- name: orphan_tag
SELECT DISTINCT thread_id, 'it is tagged and is not there' AS detail FROM threads_tag
WHERE thread_id NOT IN (SELECT thread_id FROM threads_thread)

-- Threads whose title in the index is another one.
-- name: wrong_search
SELECT thread_id, 'the search has another title than the list' AS detail FROM threads_thread t
LEFT JOIN threads_message_text s ON s.id = t.position << 20
WHERE coalesce(t.title, t.model_title) IS NOT s.text AND NOT EXISTS (SELECT 1 FROM threads_index_change u WHERE u.position = t.position)

-- Tags with a wrong number of threads.
-- name: wrong_tags
SELECT NULL AS thread_id, 'the number of threads with tag ' || tag || ' is wrong' AS detail FROM (
    SELECT tag, count(*) AS threads FROM threads_tag CROSS JOIN threads_thread USING (thread_id)
    WHERE archived = 0 AND trashed_at IS NULL GROUP BY tag
    UNION ALL SELECT tag, -threads FROM threads_tag_count)
GROUP BY tag HAVING sum(threads) <> 0

-- Wrong sums of usage.
-- name: wrong_days
SELECT NULL AS thread_id, 'the sums of ' || dimension || ' ' || value || ' are wrong' AS detail FROM (
    SELECT dimension, value, span, day & -span AS day, threads, messages, runs
    FROM threads_daily_usage JOIN threads_usage_dimension USING (position)
    UNION ALL SELECT dimension, value, span, day, -threads, -messages, -runs FROM threads_usage_sum)
GROUP BY dimension, value, span, day HAVING sum(threads) <> 0 OR sum(messages) <> 0 OR sum(runs) <> 0

-- Tags and metadata by which threads are not found, or are found wrongly.
-- name: wrong_facts
SELECT NULL AS thread_id, 'threads are not found by ' || iif(key = '#', 'tag ' || value, 'metadata ' || substr(key, 2))
    AS detail FROM (
    SELECT key, value, activity, position FROM threads_attribute
    UNION ALL SELECT key, value, activity, position FROM threads_attribute_source)
GROUP BY key, value, activity, position HAVING count(*) <> 2

-- Threads whose head exists, with their projection.
-- name: list_projected
SELECT position, thread_id, head_id, projected_id, auto_title, preview, message_count, created_at, updated_at
FROM threads_thread
WHERE position > :after
  AND (head_id IS NULL OR EXISTS (
    SELECT 1 FROM checkpoints c
    WHERE c.thread_id = threads_thread.thread_id AND c.checkpoint_ns = '' AND c.checkpoint_id = head_id))
ORDER BY position LIMIT :limit

-- Repairs.

-- Make the checkpoint written last the head.
-- name: repair_head
UPDATE threads_thread
SET status = 'idle', projected_id = NULL, head_id = (
    SELECT checkpoint_id FROM checkpoints c
    WHERE c.thread_id = threads_thread.thread_id AND c.checkpoint_ns = ''
    ORDER BY c.rowid DESC LIMIT 1)
WHERE thread_id = :thread_id

-- Make a projection stale, and what is known of the thread's branches.
-- name: invalidate_projection
UPDATE threads_thread SET projected_id = NULL, branch_count = NULL WHERE thread_id = :thread_id

-- Delete the message rows of a thread.
-- name: delete_messages
DELETE FROM threads_message
WHERE id BETWEEN (SELECT position << 20 FROM threads_thread WHERE thread_id = :thread_id)
    AND (SELECT (position << 20) + 1048575 FROM threads_thread WHERE thread_id = :thread_id)

-- Delete the tags of a thread.
-- name: delete_tags
DELETE FROM threads_tag WHERE thread_id = :thread_id

-- Whether a thread has no head.
-- name: has_no_head
SELECT 1 FROM threads_thread WHERE thread_id = :thread_id AND head_id IS NULL

-- Delete the numbers of threads by tag.
-- name: delete_tag_counts
DELETE FROM threads_tag_count

-- Count the threads by tag.
-- name: count_tags
INSERT INTO threads_tag_count (tag, threads)
SELECT tag, sum(archived = 0 AND trashed_at IS NULL) FROM threads_tag CROSS JOIN threads_thread USING (thread_id)
GROUP BY tag

-- Delete the sums of usage.
-- name: delete_sums
DELETE FROM threads_usage_sum

-- Sum the usage.
-- name: sum_usage
INSERT INTO threads_usage_sum
SELECT dimension, value, span, day & -span, sum(threads), sum(messages), sum(input_tokens), sum(output_tokens), sum(runs),
    sum(failures), sum(milliseconds)
FROM threads_daily_usage JOIN threads_usage_dimension USING (position) GROUP BY dimension, value, span, day & -span

-- Delete the attributes that threads are looked up by.
-- name: delete_attributes
DELETE FROM threads_attribute

-- Store the attributes that threads are looked up by.
-- name: insert_attributes
INSERT INTO threads_attribute SELECT key, value, activity, position FROM threads_attribute_source

-- Tags.

-- All tags with their number of visible threads, most used first.
-- name: list
SELECT tag, threads FROM threads_tag_count ORDER BY threads DESC, tag

-- The tags of the threads that fit, most used first.
-- name: list_filtered
SELECT tag, count(*) AS threads FROM threads_thread CROSS JOIN threads_tag USING (thread_id)
WHERE {where} GROUP BY tag ORDER BY threads DESC, tag

-- The threads with a tag.
-- name: list_threads
SELECT thread_id FROM threads_tag WHERE tag = :tag

-- Add a tag to a thread that does not have it.
-- name: add
INSERT INTO threads_tag (thread_id, tag)
SELECT :thread_id, :tag WHERE NOT EXISTS (SELECT 1 FROM threads_tag WHERE thread_id = :thread_id AND tag = :tag)

-- Remove a tag from a thread.
-- name: remove
DELETE FROM threads_tag WHERE thread_id = :thread_id AND tag = :tag

-- How many tags a thread has.
-- name: count
SELECT count(*) FROM threads_tag WHERE thread_id = :thread_id

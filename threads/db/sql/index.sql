-- Message rows and the full-text indexes over them.

-- The message rows of a thread, without its title.
-- name: messages
SELECT id, message_id, role, text, is_counted, input_tokens, output_tokens FROM threads_message_text
WHERE id > :first AND id <= :last ORDER BY id

-- A range of rows with all that is stored of them.
-- name: whole_rows
SELECT message_id, role, text, is_counted, input_tokens, output_tokens, written_at FROM threads_message_text
WHERE id BETWEEN :first AND :last ORDER BY id

-- The texts of a range of rows, as deleting them from the indexes takes.
-- name: texts_in_range
SELECT id, text FROM threads_message_text WHERE id BETWEEN :first AND :last

-- The last row of a thread.
-- name: last_row
SELECT max(id) FROM threads_message_text WHERE id > :first AND id <= :last

-- These rows, as deleting them from the indexes takes.
-- name: texts_of
SELECT id, text FROM threads_message_text WHERE id IN (SELECT value FROM json_each(:ids))

-- The first text of a user in a thread, up to a row.
-- name: first_user_text
SELECT text FROM threads_message_text WHERE id > :first AND id <= :upto AND role = 'user' ORDER BY id LIMIT 1

-- The first day on which a thread has messages.
-- name: first_day
SELECT min(day) FROM threads_daily_usage WHERE position = :position AND threads = 1

-- Add a message to a thread's day.
-- name: add_daily_usage
INSERT INTO threads_daily_usage (position, day, messages, input_tokens, output_tokens) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (position, day) DO UPDATE SET
    messages = messages + excluded.messages, input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens

-- Store the row of a message, or of a title.
-- name: insert_row
INSERT INTO threads_message_text (id, message_id, role, text, is_counted, written_at, input_tokens, output_tokens)
VALUES (:id, :message_id, :role, :text, :is_counted, :written_at, :input_tokens, :output_tokens)

-- Change the row of a message.
-- name: update_row
UPDATE threads_message_text SET role = :role, text = :text, is_counted = :is_counted, input_tokens = :input_tokens,
    output_tokens = :output_tokens
WHERE id = :id

-- Delete the row of a message, or of a title.
-- name: delete_row
DELETE FROM threads_message_text WHERE id = :id

-- Set the messages and tokens of a thread's days from its rows.
-- name: update_daily_usage
INSERT INTO threads_daily_usage (position, day, threads, messages, input_tokens, output_tokens)
SELECT :position, day, day = min(day) OVER (), messages, input_tokens, output_tokens FROM (
    SELECT coalesce(written_at, 0) / 86400000 AS day, sum(is_counted) AS messages,
        sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens
    FROM threads_message_text WHERE id > :first AND id <= :last GROUP BY 1)
WHERE 1
ON CONFLICT (position, day) DO UPDATE SET
    threads = excluded.threads, messages = excluded.messages,
    input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens

-- Clear the messages and tokens of days on which the thread has no rows any more.
-- name: clear_daily_usage
UPDATE threads_daily_usage SET threads = 0, messages = 0, input_tokens = 0, output_tokens = 0
WHERE position = :position AND day NOT IN (
    SELECT coalesce(written_at, 0) / 86400000 FROM threads_message_text WHERE id > :first AND id <= :last)

-- Move read marks back to a row that exists, or before the first.
-- name: limit_read_marks
UPDATE threads_read_mark SET last_read_id = coalesce(
    (SELECT max(id) FROM threads_message_text WHERE id > :first AND id <= threads_read_mark.last_read_id), :first)
WHERE position = :position

-- Add the tokens of a row to the word index.
-- name: insert_words
INSERT INTO threads_fts_words (rowid, text) VALUES (:id, :text)

-- Add the text of a row to the trigram index.
-- name: insert_trigrams
INSERT INTO threads_fts_trigrams (rowid, text) VALUES (:id, :text)

-- Delete a row from the word index; the text must be the one that was added.
-- name: delete_words
INSERT INTO threads_fts_words (threads_fts_words, rowid, text) VALUES ('delete', :id, :text)

-- Delete a row from the trigram index; the text must be the one that was added.
-- name: delete_trigrams
INSERT INTO threads_fts_trigrams (threads_fts_trigrams, rowid, text) VALUES ('delete', :id, :text)

-- Changed titles and deleted threads that the index does not have yet.
-- name: changes
SELECT c.position, c.is_deleted, coalesce(t.title, t.model_title) AS title, t.created_at
FROM threads_index_change c LEFT JOIN threads_thread t USING (position)

-- The same at one position.
-- name: changes_at
SELECT c.position, c.is_deleted, coalesce(t.title, t.model_title) AS title, t.created_at
FROM threads_index_change c LEFT JOIN threads_thread t USING (position) WHERE c.position = :position

-- The same at the positions of an owner's threads.
-- name: changes_of_owner
SELECT c.position, c.is_deleted, coalesce(t.title, t.model_title) AS title, t.created_at
FROM threads_thread t CROSS JOIN threads_index_change c USING (position) WHERE t.owner = :owner

-- These changes are applied.
-- name: delete_changes
DELETE FROM threads_index_change WHERE position IN (SELECT value FROM json_each(:positions))

-- Record that pages of the index contain deleted text.
-- name: require_purge
INSERT INTO threads_index_purge (due) VALUES (1) ON CONFLICT DO NOTHING

-- Rebuilding.

-- Rows will be numbered from the first on, so a read mark moves to its count.
-- name: renumber_read_marks
UPDATE threads_read_mark SET last_read_id = (position << 20) + (
    SELECT count(*) FROM threads_message_text
    WHERE id > (threads_read_mark.position << 20) AND id <= threads_read_mark.last_read_id)

-- Delete all message rows.
-- name: delete_rows
DELETE FROM threads_message_text

-- Empty the word index.
-- name: empty_words
INSERT INTO threads_fts_words (threads_fts_words) VALUES ('delete-all')

-- Empty the trigram index.
-- name: empty_trigrams
INSERT INTO threads_fts_trigrams (threads_fts_trigrams) VALUES ('delete-all')

-- Make all projections stale, so that their messages are indexed again.
-- name: invalidate_projections
UPDATE threads_thread SET projected_id = NULL WHERE head_id IS NOT NULL

-- Have all titles indexed again.
-- name: require_titles
INSERT INTO threads_index_change (position, is_deleted)
SELECT position, 0 FROM threads_thread
WHERE coalesce(title, model_title) IS NOT NULL AND position NOT IN (SELECT position FROM threads_index_change)

-- What is not indexed yet: whether there are stale threads, and changed titles or deleted threads.
-- name: backlog
SELECT EXISTS (SELECT 1 FROM threads_thread WHERE head_id IS NOT projected_id),
    EXISTS (SELECT 1 FROM threads_index_change)

-- The same of an owner. (The + keeps SQLite from reading the index of all stale threads.)
-- name: backlog_of_owner
SELECT EXISTS (SELECT 1 FROM threads_thread WHERE owner = :owner AND +head_id IS NOT projected_id),
    EXISTS (SELECT 1 FROM threads_thread t CROSS JOIN threads_index_change USING (position) WHERE t.owner = :owner)

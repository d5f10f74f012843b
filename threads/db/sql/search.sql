-- Message rows, the index over them, and searching in it.

-- The rows of a thread, without its title.
-- name: said
SELECT id, message_id, role, text, is_counted, input_tokens, output_tokens FROM threads_message_text
WHERE id > :first AND id <= :last ORDER BY id

-- name: all_said
SELECT id, text FROM threads_message_text WHERE id BETWEEN :first AND :last

-- name: say
INSERT INTO threads_message_text (id, message_id, role, text, is_counted, written_at, input_tokens, output_tokens)
VALUES (:id, :message_id, :role, :text, :is_counted, :written_at, :input_tokens, :output_tokens)

-- What the messages of a thread add to its days.
-- name: measure
INSERT INTO threads_daily_usage (position, day, threads, messages, input_tokens, output_tokens)
SELECT :position, day, day = min(day) OVER (), messages, input_tokens, output_tokens FROM (
    SELECT coalesce(written_at, 0) / 86400000 AS day, sum(is_counted) AS messages,
        sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens
    FROM threads_message_text WHERE id > :first AND id <= :last GROUP BY 1)
WHERE 1
ON CONFLICT (position, day) DO UPDATE SET
    threads = excluded.threads, messages = excluded.messages,
    input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens

-- name: measure_no_more
UPDATE threads_daily_usage SET threads = 0, messages = 0, input_tokens = 0, output_tokens = 0
WHERE position = :position AND day NOT IN (
    SELECT coalesce(written_at, 0) / 86400000 FROM threads_message_text WHERE id > :first AND id <= :last)

-- name: unsay
DELETE FROM threads_message_text WHERE id = :id

-- Marks of what was read stand at a message that is there, or before the first.
-- name: read_no_further
UPDATE threads_read_mark SET last_read_id = coalesce(
    (SELECT max(id) FROM threads_message_text WHERE id > :first AND id <= threads_read_mark.last_read_id), :first)
WHERE position = :position

-- name: index_words
INSERT INTO threads_fts_words (rowid, text) VALUES (:id, :words)

-- name: index_parts
INSERT INTO threads_fts_trigrams (rowid, text) VALUES (:id, :parts)

-- name: forget_words
INSERT INTO threads_fts_words (threads_fts_words, rowid, text) VALUES ('delete', :id, :words)

-- name: forget_parts
INSERT INTO threads_fts_trigrams (threads_fts_trigrams, rowid, text) VALUES ('delete', :id, :parts)

-- name: position
SELECT position FROM threads_thread WHERE thread_id = :thread_id

-- name: unsaid
SELECT u.position, u.is_deleted, coalesce(t.title, t.model_title) AS title, t.created_at FROM threads_index_change u LEFT JOIN threads_thread t USING (position)

-- name: unsaid_of_owner
SELECT u.position, u.is_deleted, coalesce(t.title, t.model_title) AS title, t.created_at
FROM threads_thread t CROSS JOIN threads_index_change u USING (position) WHERE t.owner = :owner

-- name: settled
DELETE FROM threads_index_change WHERE position IN (SELECT value FROM json_each(:positions))

-- name: require_purge
INSERT INTO threads_index_purge (due) VALUES (1) ON CONFLICT DO NOTHING

-- All of it again, from the messages.

-- The rows will be numbered from the first on, so a mark stands at its count.
-- name: read_so_many
UPDATE threads_read_mark SET last_read_id = (position << 20) + (
    SELECT count(*) FROM threads_message_text WHERE id > (threads_read_mark.position << 20) AND id <= threads_read_mark.last_read_id)

-- name: empty_said
DELETE FROM threads_message_text

-- name: empty_words
INSERT INTO threads_fts_words (threads_fts_words) VALUES ('delete-all')

-- name: empty_parts
INSERT INTO threads_fts_trigrams (threads_fts_trigrams) VALUES ('delete-all')

-- name: say_all_again
UPDATE threads_thread SET projected_id = NULL WHERE head_id IS NOT NULL

-- name: title_all_again
INSERT INTO threads_index_change (position, is_deleted)
SELECT position, 0 FROM threads_thread
WHERE coalesce(title, model_title) IS NOT NULL AND position NOT IN (SELECT position FROM threads_index_change)

-- Searching. The index comes first in each of these: CROSS JOIN keeps it there.

-- name: newest_by_words
SELECT rowid FROM threads_fts_words WHERE threads_fts_words MATCH :asked AND rowid < :before_id
ORDER BY rowid DESC LIMIT :limit

-- name: newest_by_parts
SELECT rowid FROM threads_fts_trigrams WHERE threads_fts_trigrams MATCH :asked AND rowid < :before_id
ORDER BY rowid DESC LIMIT :limit

-- Those of an owner among the newest matches of all.
-- name: newest_owned
SELECT found.id AS id, coalesce(t.owner = :owner, 0) AS is_owned FROM (
    SELECT rowid AS id FROM threads_fts_words WHERE threads_fts_words MATCH :asked AND rowid < :before_id
    ORDER BY rowid DESC LIMIT :limit) AS found
LEFT JOIN threads_thread t ON t.position = found.id >> 20

-- name: owned
SELECT value FROM json_each(:ids) CROSS JOIN threads_thread t ON t.position = value >> 20
WHERE t.owner = :owner ORDER BY value DESC

-- The threads of an owner. One that is gone may have left rows at the place of one that was begun since.
-- name: own
SELECT position, coalesce(message_count, 0) AS weight FROM threads_thread t
WHERE owner = :owner AND NOT EXISTS (SELECT 1 FROM threads_index_change u WHERE u.position = t.position AND u.is_deleted)
LIMIT :most_threads

-- name: own_texts
SELECT threads_message_text.id AS id, threads_message_text.text AS text FROM json_each(:positions) CROSS JOIN threads_message_text
ON threads_message_text.id BETWEEN (json_each.value << 20) AND (json_each.value << 20) + 1048575

-- name: own_texts_of
SELECT threads_message_text.id AS id, threads_message_text.text AS text FROM {source}
WHERE threads_message_text.id >> 20 IN (SELECT value FROM json_each(:positions))

-- name: texts
SELECT id, text FROM threads_message_text WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id DESC

-- name: hits
SELECT threads_message_text.id AS id, message_id, role, threads_message_text.text AS text, written_at AS said_at, {rank} AS rank
FROM {source} CROSS JOIN threads_thread ON threads_thread.position = threads_message_text.id >> 20
WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :offset

-- name: any_hit
SELECT 1 FROM {source} CROSS JOIN threads_thread ON threads_thread.position = threads_message_text.id >> 20
WHERE {where} LIMIT 1

-- name: hit_count
SELECT count(*) FROM {source} CROSS JOIN threads_thread ON threads_thread.position = threads_message_text.id >> 20
WHERE {where}

-- name: from_words
threads_fts_words CROSS JOIN threads_message_text ON threads_message_text.id = threads_fts_words.rowid

-- name: from_parts
threads_fts_trigrams CROSS JOIN threads_message_text ON threads_message_text.id = threads_fts_trigrams.rowid

-- name: from_ids
json_each(:ids) CROSS JOIN threads_message_text ON threads_message_text.id = json_each.value

-- name: from_threads
json_each(:positions) CROSS JOIN threads_message_text
ON threads_message_text.id BETWEEN (json_each.value << 20) AND (json_each.value << 20) + 1048575

-- name: from_all
threads_message_text

-- name: match_words
threads_fts_words MATCH :words

-- name: match_parts
threads_fts_trigrams MATCH :parts

-- The second value is there to have the rest of the conditions looked at first: this one is slow.
-- name: match_text
threads_matches(threads_message_text.text, threads_thread.position)

-- name: in_sight
NOT EXISTS (SELECT 1 FROM threads_index_change u WHERE u.position = threads_thread.position AND u.is_deleted)

-- name: in_ids
threads_message_text.id IN (SELECT value FROM json_each(:ids))

-- name: in_threads
threads_message_text.id >> 20 IN (SELECT value FROM json_each(:positions))

-- name: of_role
threads_message_text.role = :role

-- name: said_before
coalesce(threads_message_text.written_at, threads_thread.created_at) < :before

-- name: said_after
coalesce(threads_message_text.written_at, threads_thread.created_at) >= :after

-- The index gives its rows in this order by itself, if asked by its own name for them.
-- name: below
{id} < :before_id

-- name: order_newest
{id} DESC

-- name: rank
threads_rank(threads_message_text.text, threads_message_text.role)

-- name: order_best
rank, threads_message_text.id DESC

-- Few threads with few messages are read through sooner than the index of a common word.
-- name: few
SELECT position, coalesce(message_count, :most) AS weight FROM threads_thread {where} LIMIT :most_threads

-- On a connection that may not write the file: rows of its own for what the file's do not tell.

-- name: fresh
CREATE TEMP TABLE IF NOT EXISTS threads_temporary_text (
    id INTEGER PRIMARY KEY, message_id TEXT, role TEXT, text TEXT, written_at INTEGER
)

-- name: say_fresh
INSERT OR REPLACE INTO temp.threads_temporary_text (id, message_id, role, text, written_at) VALUES (?, ?, ?, ?, ?)

-- name: has_fresh
SELECT 1 FROM temp.sqlite_master WHERE name = 'threads_temporary_text'

-- name: from_file
(SELECT id, message_id, role, text, written_at FROM main.threads_message_text
 WHERE id & 1048575 <> 0 AND EXISTS (
    SELECT 1 FROM main.threads_thread m WHERE m.position = id >> 20 AND m.head_id IS m.projected_id)
 UNION ALL SELECT id, message_id, role, text, written_at FROM temp.threads_temporary_text
 UNION ALL SELECT position << 20, NULL, 'title', coalesce(title, model_title), created_at
    FROM threads_thread WHERE coalesce(title, model_title) IS NOT NULL) AS threads_message_text

-- name: from_fresh
(SELECT id, message_id, role, text, written_at FROM temp.threads_temporary_text
 UNION ALL SELECT position << 20, NULL, 'title', coalesce(title, model_title), created_at
    FROM threads_thread WHERE coalesce(title, model_title) IS NOT NULL) AS threads_message_text

-- What is not in the index yet: threads, and titles.
-- name: due
SELECT EXISTS (SELECT 1 FROM threads_thread WHERE head_id IS NOT projected_id),
    EXISTS (SELECT 1 FROM threads_index_change)

-- The same of an owner. (The + keeps SQLite from going through what is stale of all.)
-- name: due_of_owner
SELECT EXISTS (SELECT 1 FROM threads_thread WHERE owner = :owner AND +head_id IS NOT projected_id),
    EXISTS (SELECT 1 FROM threads_thread t CROSS JOIN threads_index_change USING (position) WHERE t.owner = :owner)

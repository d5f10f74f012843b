-- Searching in the message rows. In each statement the index comes first; CROSS JOIN keeps it there.

-- The newest matches in the word index, before an id.
-- name: newest_by_words
SELECT rowid FROM threads_fts_words WHERE threads_fts_words MATCH :match AND rowid < :before_id
ORDER BY rowid DESC LIMIT :limit

-- The newest matches in the trigram index, before an id.
-- name: newest_by_trigrams
SELECT rowid FROM threads_fts_trigrams WHERE threads_fts_trigrams MATCH :match AND rowid < :before_id
ORDER BY rowid DESC LIMIT :limit

-- The newest matches of all in the word index, with whether they are of an owner.
-- name: newest_with_owner
SELECT found.id AS id, coalesce(t.owner = :owner, 0) AS is_owned FROM (
    SELECT rowid AS id FROM threads_fts_words WHERE threads_fts_words MATCH :match AND rowid < :before_id
    ORDER BY rowid DESC LIMIT :limit) AS found
LEFT JOIN threads_thread t ON t.position = found.id >> 20

-- Those of these ids that are of an owner, newest first.
-- name: filter_owned
SELECT value FROM json_each(:ids) CROSS JOIN threads_thread t ON t.position = value >> 20
WHERE t.owner = :owner ORDER BY value DESC

-- The threads of an owner. A deleted thread may have left rows at the position of one created since.
-- name: threads_of_owner
SELECT position, coalesce(message_count, 0) AS weight FROM threads_thread t
WHERE owner = :owner AND NOT EXISTS (SELECT 1 FROM threads_index_change u WHERE u.position = t.position AND u.is_deleted)
LIMIT :max_threads

-- The texts of these threads.
-- name: texts_of_threads
SELECT threads_message_text.id AS id, threads_message_text.text AS text FROM json_each(:positions) CROSS JOIN threads_message_text
ON threads_message_text.id BETWEEN (json_each.value << 20) AND (json_each.value << 20) + 1048575

-- The same, from another source.
-- name: texts_of_threads_from
SELECT threads_message_text.id AS id, threads_message_text.text AS text FROM {source}
WHERE threads_message_text.id >> 20 IN (SELECT value FROM json_each(:positions))

-- The texts of these rows, newest first.
-- name: texts_of_rows
SELECT id, text FROM threads_message_text WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id DESC

-- A page of matches with their rank.
-- name: matches
SELECT threads_message_text.id AS id, message_id, role, threads_message_text.text AS text, written_at, {rank} AS rank
FROM {source} CROSS JOIN threads_thread ON threads_thread.position = threads_message_text.id >> 20
WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :offset

-- Whether anything matches.
-- name: any_match
SELECT 1 FROM {source} CROSS JOIN threads_thread ON threads_thread.position = threads_message_text.id >> 20
WHERE {where} LIMIT 1

-- How many rows match.
-- name: match_count
SELECT count(*) FROM {source} CROSS JOIN threads_thread ON threads_thread.position = threads_message_text.id >> 20
WHERE {where}

-- Sources of rows: a match in the word index.
-- name: from_words
threads_fts_words CROSS JOIN threads_message_text ON threads_message_text.id = threads_fts_words.rowid

-- Source: a match in the trigram index.
-- name: from_trigrams
threads_fts_trigrams CROSS JOIN threads_message_text ON threads_message_text.id = threads_fts_trigrams.rowid

-- Source: these rows.
-- name: from_ids
json_each(:ids) CROSS JOIN threads_message_text ON threads_message_text.id = json_each.value

-- Source: all rows of these threads.
-- name: from_threads
json_each(:positions) CROSS JOIN threads_message_text
ON threads_message_text.id BETWEEN (json_each.value << 20) AND (json_each.value << 20) + 1048575

-- Source: all rows.
-- name: from_all
threads_message_text

-- Conditions: a match in the word index.
-- name: match_words
threads_fts_words MATCH :words

-- Condition: a match in the trigram index.
-- name: match_trigrams
threads_fts_trigrams MATCH :trigrams

-- Condition: a match of the text itself. The second argument makes SQLite evaluate this slow condition last.
-- name: match_text
threads_matches(threads_message_text.text, threads_thread.position)

-- Condition: the thread was not deleted.
-- name: not_deleted
NOT EXISTS (SELECT 1 FROM threads_index_change c WHERE c.position = threads_thread.position AND c.is_deleted)

-- Condition: one of these rows.
-- name: in_ids
threads_message_text.id IN (SELECT value FROM json_each(:ids))

-- Condition: in one of these threads.
-- name: in_threads
threads_message_text.id >> 20 IN (SELECT value FROM json_each(:positions))

-- Condition: written by this role.
-- name: of_role
threads_message_text.role = :role

-- Condition: written before a time.
-- name: written_before
coalesce(threads_message_text.written_at, threads_thread.created_at) < :before

-- Condition: written at a time or later.
-- name: written_after
coalesce(threads_message_text.written_at, threads_thread.created_at) >= :after

-- Condition: before an id. An index returns its rows in this order by itself, if addressed by its own rowid.
-- name: before_id
{id} < :before_id

-- Order: the newest first.
-- name: order_newest
{id} DESC

-- The rank of a row; lower is better.
-- name: rank
threads_rank(threads_message_text.text, threads_message_text.role)

-- Order: the best first.
-- name: order_best
rank, threads_message_text.id DESC

-- The threads that filters leave, with their messages: a few are read sooner than the index of a common word.
-- name: threads_by_filter
SELECT position, coalesce(message_count, :max_messages) AS weight FROM threads_thread {where} LIMIT :max_threads

-- On a connection that may not write the file: its own rows for threads whose rows are stale.

-- Create the temporary rows.
-- name: create_temporary
CREATE TEMP TABLE IF NOT EXISTS threads_temporary_text (
    id INTEGER PRIMARY KEY, message_id TEXT, role TEXT, text TEXT, written_at INTEGER
)

-- Store a temporary row.
-- name: insert_temporary
INSERT OR REPLACE INTO temp.threads_temporary_text (id, message_id, role, text, written_at) VALUES (?, ?, ?, ?, ?)

-- Whether there are temporary rows.
-- name: has_temporary
SELECT 1 FROM temp.sqlite_master WHERE name = 'threads_temporary_text'

-- Source: the file's rows of fresh threads, the temporary ones, and titles.
-- name: from_file
(SELECT id, message_id, role, text, written_at FROM main.threads_message_text
 WHERE id & 1048575 <> 0 AND EXISTS (
    SELECT 1 FROM main.threads_thread m WHERE m.position = id >> 20 AND m.head_id IS m.projected_id)
 UNION ALL SELECT id, message_id, role, text, written_at FROM temp.threads_temporary_text
 UNION ALL SELECT position << 20, NULL, 'title', coalesce(title, model_title), created_at
    FROM threads_thread WHERE coalesce(title, model_title) IS NOT NULL) AS threads_message_text

-- Source: temporary rows and titles.
-- name: from_temporary
(SELECT id, message_id, role, text, written_at FROM temp.threads_temporary_text
 UNION ALL SELECT position << 20, NULL, 'title', coalesce(title, model_title), created_at
    FROM threads_thread WHERE coalesce(title, model_title) IS NOT NULL) AS threads_message_text

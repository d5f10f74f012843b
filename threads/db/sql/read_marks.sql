-- Read marks: how far users have read threads.

-- Move the read mark of a user forward.
-- name: set
INSERT INTO threads_read_mark (reader, position, last_read_id) VALUES (:reader, :position, :last_read_id)
ON CONFLICT (reader, position) DO UPDATE SET last_read_id = max(last_read_id, excluded.last_read_id)

-- The row of a message, or of the last one. Rows of a deleted thread at the same position do not count.
-- name: find_row
SELECT max(id) FROM threads_message_text WHERE id > :first AND id <= :last AND (:upto IS NULL OR message_id = :upto)
    AND NOT EXISTS (SELECT 1 FROM threads_index_change u WHERE u.position = :position AND u.is_deleted)

-- How many messages a user has not read. User messages are by the thread's owner; without one, by the local user.
-- NULL where the messages are unknown.
-- name: count_unread
SELECT t.thread_id, CASE WHEN t.head_id IS NOT NULL AND (t.message_count IS NULL OR t.projected_id IS NULL) THEN NULL
ELSE (
    SELECT count(*) FROM threads_message_text s
    WHERE s.id > coalesce(r.last_read_id, t.position << 20) AND s.id <= (t.position << 20) + 1048575 AND s.is_counted = 1
        AND NOT EXISTS (SELECT 1 FROM threads_index_change u WHERE u.position = t.position AND u.is_deleted)
    AND NOT (s.role = 'user' AND coalesce(t.owner, :local) = :reader)
) END AS unread
FROM json_each(:ids) JOIN threads_thread t ON t.thread_id = json_each.value
LEFT JOIN threads_read_mark r ON r.reader = :reader AND r.position = t.position

-- Changes of the lists of threads.

-- The changes after a serial number, each kind of a thread once.
-- name: list_after
SELECT max(serial) AS serial, thread_id, owner, change, reader FROM (
    SELECT * FROM threads_change WHERE serial > :after ORDER BY serial LIMIT :limit)
GROUP BY thread_id, owner, change, reader ORDER BY max(serial)

-- The number of the last change.
-- name: last_serial
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'threads_change'), 0)

-- Access to threads. The owner is part of each statement: a thread of another owner is the same as none.

-- A thread, if the actor may know of it.
-- name: find
SELECT thread_id, owner FROM threads_thread WHERE thread_id = :thread_id AND (:is_admin OR owner = :owner)

-- Those of these threads that the actor may know of.
-- name: filter
SELECT t.thread_id, t.owner FROM json_each(:thread_ids) AS wanted
CROSS JOIN threads_thread t ON t.thread_id = wanted.value
WHERE :is_admin OR t.owner = :owner ORDER BY wanted.key

-- name: prepare
CREATE TEMP TABLE adoptable (
    thread_id TEXT PRIMARY KEY, first_id TEXT NOT NULL, last_id TEXT NOT NULL, head_id TEXT, checkpoints INTEGER NOT NULL
)

-- name: size
SELECT coalesce(max(rowid), 0) FROM checkpoints

-- A thread may have checkpoints of subgraphs only; if it was deleted, they are leftovers.
-- name: collect
INSERT INTO temp.adoptable (thread_id, first_id, last_id, head_id, checkpoints)
SELECT thread_id, min(checkpoint_id), max(checkpoint_id),
    max(CASE WHEN checkpoint_ns = '' THEN checkpoint_id END) AS head_id, count(*) FROM checkpoints
WHERE thread_id >= CAST(:since AS TEXT) AND typeof(thread_id) = 'text'
GROUP BY thread_id
HAVING is_utf8(CAST(thread_id AS BLOB)) AND (head_id IS NOT NULL OR NOT EXISTS (
    SELECT 1 FROM threads_tombstone t WHERE t.thread_id = checkpoints.thread_id))
ORDER BY thread_id LIMIT :chunk

-- name: collected
SELECT CAST(max(thread_id) AS BLOB), sum(checkpoints) FROM temp.adoptable

-- The stock saver takes the largest id as a thread's latest checkpoint, so that is the head it was left with.
-- name: adopt
INSERT INTO threads_thread (thread_id, activity, head_id, status, created_at, updated_at, agent_id)
SELECT a.thread_id, row_number() OVER (ORDER BY coalesce(a.head_id, a.last_id)), a.head_id,
    coalesce((
        SELECT CASE w.channel WHEN '__interrupt__' THEN 'interrupted' ELSE 'error' END FROM writes w
        WHERE w.thread_id = a.thread_id AND w.checkpoint_ns = '' AND w.checkpoint_id = a.head_id
          AND w.channel IN ('__interrupt__', '__error__') ORDER BY w.channel DESC LIMIT 1), 'idle'),
    uuid_milliseconds(CAST(a.first_id AS BLOB)), uuid_milliseconds(CAST(coalesce(a.head_id, a.last_id) AS BLOB)),
    (SELECT CASE
        WHEN NOT json_valid(CAST(c.metadata AS TEXT)) THEN NULL
        WHEN json_type(CAST(c.metadata AS TEXT), '$.agent_id') = 'text'
        THEN json_extract(CAST(c.metadata AS TEXT), '$.agent_id')
        WHEN json_type(CAST(c.metadata AS TEXT), '$.agent_name') = 'text'
        THEN json_extract(CAST(c.metadata AS TEXT), '$.agent_name')
        WHEN json_type(CAST(c.metadata AS TEXT), '$.graph_id') = 'text'
        THEN json_extract(CAST(c.metadata AS TEXT), '$.graph_id')
        WHEN json_type(CAST(c.metadata AS TEXT), '$.assistant_id') = 'text'
        THEN json_extract(CAST(c.metadata AS TEXT), '$.assistant_id') END
     FROM checkpoints c
     WHERE c.thread_id = a.thread_id AND c.checkpoint_ns = '' AND c.checkpoint_id = a.head_id)
FROM temp.adoptable a
WHERE NOT EXISTS (SELECT 1 FROM threads_thread t WHERE t.thread_id = a.thread_id)
ORDER BY a.first_id

-- name: finish
DROP TABLE temp.adoptable

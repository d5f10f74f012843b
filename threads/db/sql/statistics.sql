-- Statistics: sums of usage.

-- The sums by a key.
-- name: list
SELECT {key} AS key, sum(threads) AS threads, sum(messages) AS messages, sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens, sum(runs) AS runs, sum(failures) AS failures,
    sum(milliseconds) AS milliseconds
FROM {source} WHERE {where} GROUP BY {key} HAVING sum(messages) + sum(runs) + sum(input_tokens) > 0

-- Source: sums by day.
-- name: from_days
(SELECT * FROM threads_usage_sum {index} WHERE span = 1)

-- The index for the sums of one value; without it SQLite takes the one for the days of all values.
-- name: index_by_value
INDEXED BY threads_usage_sum_by_value

-- Source: the whole spans of 32 days, and the days before and after them.
-- name: from_spans
(SELECT * FROM threads_usage_sum {index} WHERE dimension = :dimension AND span = 32 AND day >= :whole AND day < :rest
 UNION ALL SELECT * FROM threads_usage_sum {index} WHERE dimension = :dimension AND span = 1 AND day < :whole
 UNION ALL SELECT * FROM threads_usage_sum {index} WHERE dimension = :dimension AND span = 1 AND day >= :rest)

-- Source: the days of the threads that fit, for two of agent, owner and tag at once.
-- name: from_threads
(SELECT d.dimension, d.value, day.* FROM threads_thread CROSS JOIN threads_daily_usage day USING (position)
 CROSS JOIN threads_usage_dimension d USING (position) WHERE d.span = 1 AND {where})

-- Threads whose messages are unknown: the days of the first and the last activity, and a key.
-- name: unknown
SELECT {key} AS key, coalesce(t.created_at, t.updated_at) / 86400000 AS first, t.updated_at / 86400000 AS last
FROM threads_thread t {join} WHERE coalesce(t.message_count, -1) = -1 AND t.head_id IS NOT NULL AND {where}

-- Tags of those threads, for a key.
-- name: unknown_tags
JOIN threads_tag g USING (thread_id)

-- Conditions of those threads.

-- name: of_agent_id
agent_id = :agent_id

-- name: of_owner
owner = :owner

-- name: of_tag
thread_id IN (SELECT thread_id FROM threads_tag WHERE tag = :tag)

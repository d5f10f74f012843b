-- Looking threads up by filters; see threads/store/filters.py.

-- How many threads a lookup finds, but at most so many.
-- name: count_up_to
SELECT count(*) FROM ({positions} LIMIT :limit)

-- Lookup: positions by a tag or a metadata value.
-- name: by_attribute
SELECT position FROM threads_attribute WHERE key = :attribute_key AND value = :attribute_value

-- Source: threads by a tag or a metadata value, in the order of activity.
-- name: from_attribute
threads_attribute CROSS JOIN threads_thread USING (position)

-- Condition: the tag or metadata value of that source.
-- name: has_attribute
threads_attribute.key = :attribute_key AND threads_attribute.value = :attribute_value

-- Lookup: positions by the time of last activity.
-- name: by_time
SELECT position FROM threads_thread INDEXED BY threads_by_time WHERE {where}

-- Lookup: positions by a column with an index of its own.
-- name: by_column
SELECT position FROM threads_thread WHERE {where}

-- Clocks step back and sequences do not. Among the threads that are not out of order, time is in the order of activity,
-- so the outermost is found at once; those out of order are few and scanned.

-- Condition: not before the first activity since a time.
-- name: bound_since
{activity} >= (SELECT min(activity) FROM (
    SELECT * FROM (SELECT activity FROM threads_thread INDEXED BY threads_by_time
        WHERE updated_at >= :since AND is_out_of_order = 0 ORDER BY updated_at, activity LIMIT 1)
    UNION ALL SELECT activity FROM threads_thread INDEXED BY threads_out_of_order WHERE updated_at >= :since AND is_out_of_order <> 0))

-- Condition: not after the last activity before a time.
-- name: bound_until
{activity} <= (SELECT max(activity) FROM (
    SELECT * FROM (SELECT activity FROM threads_thread INDEXED BY threads_by_time
        WHERE updated_at < :until AND is_out_of_order = 0 ORDER BY updated_at DESC, activity DESC LIMIT 1)
    UNION ALL SELECT activity FROM threads_thread INDEXED BY threads_out_of_order WHERE updated_at < :until AND is_out_of_order <> 0))

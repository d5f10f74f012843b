-- Leases; see threads/store/leases.py.

-- Acquire the lease for the next attempt.
-- name: acquire
UPDATE threads_run
SET status = 'running', holder = :holder, expires_at = :expires_at, attempt = attempt + 1, error = NULL,
    error_type = NULL, error_message = NULL, finished_at = NULL, started_at = coalesce(started_at, :at),
    start_head_id = CASE WHEN attempt = 0
        THEN (SELECT head_id FROM threads_thread t WHERE t.thread_id = threads_run.thread_id) ELSE start_head_id END
WHERE run_id = :run_id

-- Whether an attempt has a valid lease.
-- name: has_lease
SELECT 1 FROM threads_run
WHERE run_id = :run_id AND status = 'running' AND attempt = :attempt AND expires_at > :now

-- Give a running attempt a new fencing token.
-- name: increment_attempt
UPDATE threads_run SET attempt = attempt + 1
WHERE run_id = :run_id AND status = 'running' AND attempt = :attempt AND expires_at > :now RETURNING attempt

-- Renew leases. One that has expired is valid again if no other runner has taken the run over.
-- name: renew
UPDATE threads_run SET expires_at = :expires_at
WHERE run_id IN (SELECT value FROM json_each(:run_ids)) AND holder = :holder
  AND status IN ('pending', 'running') RETURNING run_id

-- Expire the lease of an attempt, so that another runner can recover the run at once.
-- name: release
UPDATE threads_run SET expires_at = 0, late_attempts = late_attempts + 1
WHERE run_id = :run_id AND attempt = :attempt AND status = 'running'

-- Count an attempt as late.
-- name: count_late
UPDATE threads_run SET late_attempts = late_attempts + 1
WHERE run_id IN (SELECT value FROM json_each(:run_ids)) AND status = 'running'

-- Expire all leases of a runner.
-- name: release_all
UPDATE threads_run SET expires_at = 0 WHERE holder = :holder AND status IN ('pending', 'running') RETURNING run_id

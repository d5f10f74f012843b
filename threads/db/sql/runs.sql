-- Runs: queue and outcomes; see threads/store/runs.py. `now`, `latest` and `expires_at` are of the monotonic clock.

-- The columns of a `RunRecord`, in its order.
-- name: columns
position, run_id, thread_id, origin_id, kind, status, agent_id, key, holder, attempt, late_attempts, expires_at,
stop_request, start_head_id, head_id, error, error_type, error_message, recovery_question, created_at, started_at,
first_token_at, finished_at, input_tokens, output_tokens, request_digest

-- Store a queued run. A resume continues what the last run began, or the run which that one resumed, where it was
-- interrupted or failed.
-- name: insert
INSERT INTO threads_run (run_id, thread_id, origin_id, kind, status, agent_id, key, request_digest, request_type, request,
    holder, expires_at, created_at)
VALUES (:run_id, :thread_id, CASE WHEN :kind IN ('resume', 'recovery') THEN (
        SELECT CASE WHEN status IN ('interrupted', 'error') THEN coalesce(origin_id, run_id) END FROM threads_run
        WHERE thread_id = :thread_id AND kind <> 'title' ORDER BY position DESC LIMIT 1) END,
    :kind, 'pending', :agent_id, :key, :request_digest, :request_type, :request, :holder,
    :expires_at, :at)

-- Set the agent of a thread that has none.
-- name: set_thread_agent
UPDATE threads_thread SET agent_id = :agent_id WHERE thread_id = :thread_id AND agent_id IS NULL

-- name: set_agent
UPDATE threads_run SET agent_id = :agent_id WHERE run_id = :run_id

-- Queue a failed run again.
-- name: requeue
UPDATE threads_run SET status = 'pending', holder = :holder, expires_at = :expires_at, error = NULL, error_type = NULL,
    error_message = NULL, finished_at = NULL
WHERE run_id = :run_id AND status = 'error'

-- A run.
-- name: get
SELECT {columns} FROM threads_run WHERE run_id = :run_id

-- The run with an idempotency key.
-- name: get_by_key
SELECT {columns} FROM threads_run WHERE thread_id = :thread_id AND key = :key

-- The runs of a thread, newest first.
-- name: list_for_thread
SELECT {columns} FROM threads_run WHERE thread_id = :thread_id AND position < :before
ORDER BY position DESC LIMIT :limit

-- How many runs a thread has.
-- name: count
SELECT count(*) FROM threads_run WHERE thread_id = :thread_id

-- The request of a run, as the serializer stored it.
-- name: get_request
SELECT request_type, request FROM threads_run WHERE run_id = :run_id

-- The run that has the thread, whether or not its lease has expired.
-- name: get_running
SELECT {columns} FROM threads_run WHERE thread_id = :thread_id AND status = 'running' AND kind <> 'title'

-- The first run in the queue of a thread.
-- name: get_next_queued
SELECT {columns} FROM threads_run WHERE thread_id = :thread_id AND status = 'pending' AND kind <> 'title'
ORDER BY position LIMIT 1

-- How many runs are queued for a thread.
-- name: count_queued
SELECT count(*) FROM threads_run WHERE thread_id = :thread_id AND status = 'pending' AND kind <> 'title'

-- The runs that are queued for a thread before a position.
-- name: list_queued_before
SELECT {columns} FROM threads_run
WHERE thread_id = :thread_id AND status = 'pending' AND kind <> 'title' AND position < :position ORDER BY position

-- The newest run of a thread.
-- name: get_last
SELECT {columns} FROM threads_run WHERE thread_id = :thread_id AND kind <> 'title' ORDER BY position DESC LIMIT 1

-- Threads without a valid lease, in which the first queued run is one of this runner.
-- name: list_free_threads
SELECT DISTINCT p.thread_id FROM threads_run p
WHERE p.holder = :holder AND p.status = 'pending' AND p.kind <> 'title'
  AND NOT EXISTS (
    SELECT 1 FROM threads_run r WHERE r.thread_id = p.thread_id AND r.status = 'running' AND r.kind <> 'title'
      AND r.expires_at > :now AND r.expires_at <= :latest)
  AND NOT EXISTS (
    SELECT 1 FROM threads_run w WHERE w.thread_id = p.thread_id AND w.status = 'pending' AND w.kind <> 'title'
      AND w.position < p.position AND w.holder <> :holder AND w.expires_at > :now AND w.expires_at <= :latest)

-- Store the outcome and release the lease.
-- name: end
UPDATE threads_run
SET status = :status, error = :error, error_type = :error_type, error_message = :error_message, recovery_question = :recovery_question,
    finished_at = :at, expires_at = NULL, stop_request = NULL,
    input_tokens = input_tokens + :input_tokens, output_tokens = output_tokens + :output_tokens,
    head_id = (SELECT head_id FROM threads_thread t WHERE t.thread_id = threads_run.thread_id)
WHERE run_id = :run_id

-- Store the time of the first token.
-- name: record_first_token
UPDATE threads_run SET first_token_at = coalesce(first_token_at, :at) WHERE run_id = :run_id

-- Store a stop request. A rollback is not replaced by any other, and a skip replaces none.
-- name: request_stop
UPDATE threads_run
SET stop_request = CASE WHEN stop_request = 'rollback' OR :reason = 'skip' THEN coalesce(stop_request, :reason) ELSE :reason END
WHERE run_id = :run_id AND status IN ('pending', 'running')

-- Unfinished runs with an expired lease, or one from before a restart of the machine (its clock began again at zero).
-- name: list_expired
SELECT {columns} FROM threads_run
WHERE status IN ('pending', 'running') AND (expires_at <= :now OR expires_at > :latest) ORDER BY position

-- Set the status of a thread after its run, also where the graph itself has no interrupt and no node failed.
-- name: set_thread_status
UPDATE threads_thread SET status = :status
WHERE thread_id = (SELECT thread_id FROM threads_run WHERE run_id = :run_id AND kind <> 'title')

-- Clear the error status: a run may succeed without a checkpoint, where all was stored before it failed.
-- name: clear_thread_error
UPDATE threads_thread SET status = 'idle' WHERE status = 'error'
  AND thread_id = (SELECT thread_id FROM threads_run WHERE run_id = :run_id AND kind <> 'title')

-- Restore the status that the thread had at its head before a run that was rolled back.
-- name: restore_thread_status
UPDATE threads_thread SET status = coalesce((
    SELECT CASE r.status WHEN 'error' THEN 'error' WHEN 'interrupted' THEN 'interrupted' END FROM threads_run r
    WHERE r.thread_id = threads_thread.thread_id AND r.run_id <> :run_id AND r.kind <> 'title'
      AND r.status IN ('success', 'error', 'interrupted') AND r.head_id IS threads_thread.head_id
    ORDER BY r.position DESC LIMIT 1), (
    SELECT CASE channel WHEN '__interrupt__' THEN 'interrupted' ELSE 'error' END FROM writes w
    WHERE w.thread_id = threads_thread.thread_id AND checkpoint_ns = '' AND checkpoint_id = threads_thread.head_id
      AND channel IN ('__interrupt__', '__error__') ORDER BY channel DESC LIMIT 1), 'idle')
WHERE thread_id = (SELECT thread_id FROM threads_run WHERE run_id = :run_id)

-- Let another runner have a queued run.
-- name: reassign
UPDATE threads_run SET holder = :holder, expires_at = :expires_at WHERE run_id = :run_id AND status = 'pending'

-- The stop requests for the unfinished runs of a runner.
-- name: list_stop_requests
SELECT run_id, stop_request FROM threads_run WHERE holder = :holder AND status IN ('pending', 'running') AND stop_request IS NOT NULL

-- Those of these runs that have ended.
-- name: list_finished
SELECT run_id FROM threads_run WHERE run_id IN (SELECT value FROM json_each(:run_ids)) AND status NOT IN ('pending', 'running')

-- Those of these runs that exist.
-- name: list_existing
SELECT run_id FROM threads_run WHERE run_id IN (SELECT value FROM json_each(:run_ids))

-- A run and those that resumed it, in their order, with their requests.
-- name: list_chain
SELECT {columns}, request_type, request FROM threads_run
WHERE thread_id = :thread_id AND (run_id = :origin_id OR origin_id = :origin_id) ORDER BY position

-- The events of these runs about tools, and their ends.
-- name: list_tool_events
SELECT e.type, e.data, r.position FROM threads_event e JOIN threads_run r ON r.run_id = e.run_id
WHERE e.thread_id = :thread_id AND (r.run_id = :origin_id OR r.origin_id = :origin_id)
  AND e.type IN ('tool_started', 'tool_finished', 'interrupted', 'failed', 'stopped')
ORDER BY e.sequence

-- Whether a thread has no title by hand or by a model, and no earlier run answered.
-- name: needs_title
SELECT 1 FROM threads_thread t
WHERE thread_id = :thread_id AND title IS NULL AND model_title IS NULL AND NOT EXISTS (
    SELECT 1 FROM threads_run r WHERE r.thread_id = t.thread_id AND r.run_id <> :run_id
      AND r.status IN ('success', 'interrupted', 'stopped'))

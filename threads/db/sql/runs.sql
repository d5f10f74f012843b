-- Runs: asking for one, holding its lease, ending it. `now` and `until` are of the monotonic clock.

-- name: columns
position, run_id, thread_id, origin_id, kind, status, agent_id, key, holder, attempt, late_attempts AS late, expires_at, stop_request AS stopping,
start_head_id AS begun_at_id, head_id, error, error_type, error_message,
recovery_question AS question, created_at, started_at, first_token_at, finished_at, input_tokens, output_tokens,
request_digest AS asked

-- An answer goes on with what the run began that asked, or the run whose question that one had answered; so it does
-- where that run failed.
-- name: ask
INSERT INTO threads_run (run_id, thread_id, origin_id, kind, status, agent_id, key, request_digest, request_type, request,
    holder, expires_at, created_at)
VALUES (:run_id, :thread_id, CASE WHEN :kind IN ('resume', 'recovery') THEN (
        SELECT CASE WHEN status IN ('interrupted', 'error') THEN coalesce(origin_id, run_id) END FROM threads_run
        WHERE thread_id = :thread_id AND kind <> 'title' ORDER BY position DESC LIMIT 1) END,
    :kind, 'pending', :agent_id, :key, :request_digest, :request_type, :request, :holder,
    :until, :at)

-- name: name_agent
UPDATE threads_thread SET agent_id = :agent_id WHERE thread_id = :thread_id AND agent_id IS NULL

-- name: wait_again
UPDATE threads_run SET status = 'pending', holder = :holder, expires_at = :until, error = NULL, error_type = NULL,
    error_message = NULL, finished_at = NULL
WHERE run_id = :run_id AND status = 'error'

-- name: by_id
SELECT {columns} FROM threads_run WHERE run_id = :run_id

-- name: by_key
SELECT {columns} FROM threads_run WHERE thread_id = :thread_id AND key = :key

-- name: of_thread
SELECT {columns} FROM threads_run WHERE thread_id = :thread_id AND position < :before
ORDER BY position DESC LIMIT :limit

-- name: of_thread_count
SELECT count(*) FROM threads_run WHERE thread_id = :thread_id

-- name: request
SELECT request_type, request FROM threads_run WHERE run_id = :run_id

-- The run that has the thread, whether or not its lease is still good.
-- name: running
SELECT {columns} FROM threads_run WHERE thread_id = :thread_id AND status = 'running' AND kind <> 'title'

-- name: next_pending
SELECT {columns} FROM threads_run WHERE thread_id = :thread_id AND status = 'pending' AND kind <> 'title'
ORDER BY position LIMIT 1

-- name: waiting_count
SELECT count(*) FROM threads_run WHERE thread_id = :thread_id AND status = 'pending' AND kind <> 'title'

-- Those that wait before another one.
-- name: waiting_before
SELECT {columns} FROM threads_run
WHERE thread_id = :thread_id AND status = 'pending' AND kind <> 'title' AND position < :position ORDER BY position

-- name: last_of_thread
SELECT {columns} FROM threads_run WHERE thread_id = :thread_id AND kind <> 'title' ORDER BY position DESC LIMIT 1

-- name: begin
UPDATE threads_run
SET status = 'running', holder = :holder, expires_at = :until, attempt = attempt + 1, error = NULL,
    error_type = NULL, error_message = NULL, finished_at = NULL, started_at = coalesce(started_at, :at),
    start_head_id = CASE WHEN attempt = 0
        THEN (SELECT head_id FROM threads_thread t WHERE t.thread_id = threads_run.thread_id) ELSE start_head_id END
WHERE run_id = :run_id

-- name: held
SELECT 1 FROM threads_run
WHERE run_id = :run_id AND status = 'running' AND attempt = :attempt AND expires_at > :now

-- name: raise_fence
UPDATE threads_run SET attempt = attempt + 1
WHERE run_id = :run_id AND status = 'running' AND attempt = :attempt AND expires_at > :now RETURNING attempt

-- A lease that ran out is good again if nobody has taken the run over.
-- name: renew
UPDATE threads_run SET expires_at = :until
WHERE run_id IN (SELECT value FROM json_each(:run_ids)) AND holder = :holder
  AND status IN ('pending', 'running') RETURNING run_id

-- An attempt that ended before its run did: whoever comes may go on at once.
-- name: let_go
UPDATE threads_run SET expires_at = 0, late_attempts = late_attempts + 1
WHERE run_id = :run_id AND attempt = :attempt AND status = 'running'

-- name: count_late
UPDATE threads_run SET late_attempts = late_attempts + 1
WHERE run_id IN (SELECT value FROM json_each(:run_ids)) AND status = 'running'

-- Threads that may be free for a run of this holder, which is the first of those that wait there.
-- name: perhaps_free
SELECT DISTINCT p.thread_id FROM threads_run p
WHERE p.holder = :holder AND p.status = 'pending' AND p.kind <> 'title'
  AND NOT EXISTS (
    SELECT 1 FROM threads_run r WHERE r.thread_id = p.thread_id AND r.status = 'running' AND r.kind <> 'title'
      AND r.expires_at > :now AND r.expires_at <= :latest)
  AND NOT EXISTS (
    SELECT 1 FROM threads_run w WHERE w.thread_id = p.thread_id AND w.status = 'pending' AND w.kind <> 'title'
      AND w.position < p.position AND w.holder <> :holder AND w.expires_at > :now AND w.expires_at <= :latest)

-- name: end
UPDATE threads_run
SET status = :status, error = :error, error_type = :error_type, error_message = :error_message, recovery_question = :recovery_question,
    finished_at = :at, expires_at = NULL, stop_request = NULL,
    input_tokens = input_tokens + :input_tokens, output_tokens = output_tokens + :output_tokens,
    head_id = (SELECT head_id FROM threads_thread t WHERE t.thread_id = threads_run.thread_id)
WHERE run_id = :run_id

-- name: first_token
UPDATE threads_run SET first_token_at = coalesce(first_token_at, :at) WHERE run_id = :run_id

-- name: stop
UPDATE threads_run
SET stop_request = CASE WHEN stop_request = 'rollback' OR :how = 'pass over' THEN coalesce(stop_request, :how) ELSE :how END
WHERE run_id = :run_id AND status IN ('pending', 'running')

-- A lease that ran out, or one of a machine that was started anew (its clock began again from zero).
-- name: expired
SELECT {columns} FROM threads_run
WHERE status IN ('pending', 'running') AND (expires_at <= :now OR expires_at > :latest) ORDER BY position

-- The status of a thread after its run: also where the graph itself did not ask, and no node failed.
-- name: thread_status
UPDATE threads_thread SET status = :status
WHERE thread_id = (SELECT thread_id FROM threads_run WHERE run_id = :run_id AND kind <> 'title')

-- A run may succeed without a checkpoint, where all was done before it failed.
-- name: thread_recovered
UPDATE threads_thread SET status = 'idle' WHERE status = 'error'
  AND thread_id = (SELECT thread_id FROM threads_run WHERE run_id = :run_id AND kind <> 'title')

-- The status that the thread had at its head before this run, which was taken back.
-- name: thread_status_again
UPDATE threads_thread SET status = coalesce((
    SELECT CASE r.status WHEN 'error' THEN 'error' WHEN 'interrupted' THEN 'interrupted' END FROM threads_run r
    WHERE r.thread_id = threads_thread.thread_id AND r.run_id <> :run_id AND r.kind <> 'title'
      AND r.status IN ('success', 'error', 'interrupted') AND r.head_id IS threads_thread.head_id
    ORDER BY r.position DESC LIMIT 1), (
    SELECT CASE channel WHEN '__interrupt__' THEN 'interrupted' ELSE 'error' END FROM writes w
    WHERE w.thread_id = threads_thread.thread_id AND checkpoint_ns = '' AND checkpoint_id = threads_thread.head_id
      AND channel IN ('__interrupt__', '__error__') ORDER BY channel DESC LIMIT 1), 'idle')
WHERE thread_id = (SELECT thread_id FROM threads_run WHERE run_id = :run_id)

-- name: adopt
UPDATE threads_run SET holder = :holder, expires_at = :until WHERE run_id = :run_id AND status = 'pending'

-- name: hand_over
UPDATE threads_run SET expires_at = 0 WHERE holder = :holder AND status IN ('pending', 'running') RETURNING run_id

-- name: stop_requests
SELECT run_id, stop_request FROM threads_run WHERE holder = :holder AND status IN ('pending', 'running') AND stop_request IS NOT NULL

-- name: ended
SELECT run_id FROM threads_run WHERE run_id IN (SELECT value FROM json_each(:run_ids)) AND status NOT IN ('pending', 'running')

-- name: known
SELECT run_id FROM threads_run WHERE run_id IN (SELECT value FROM json_each(:run_ids))

-- A run and those that went on with it when its questions were answered, in their order.
-- name: of_origin
SELECT {columns}, request_type, request FROM threads_run
WHERE thread_id = :thread_id AND (run_id = :origin_id OR origin_id = :origin_id) ORDER BY position

-- What these runs told of their tools, and how they ended.
-- name: tools_of_origin
SELECT e.type, e.data, r.position FROM threads_event e JOIN threads_run r ON r.run_id = e.run_id
WHERE e.thread_id = :thread_id AND (r.run_id = :origin_id OR r.origin_id = :origin_id)
  AND e.type IN ('tool_started', 'tool_finished', 'interrupted', 'failed', 'stopped')
ORDER BY e.sequence

-- Never over a title that was set by hand.
-- name: entitle
UPDATE threads_thread SET model_title = :title WHERE thread_id = :thread_id AND title IS NULL

-- name: wants_title
SELECT 1 FROM threads_thread t
WHERE thread_id = :thread_id AND title IS NULL AND model_title IS NULL AND NOT EXISTS (
    SELECT 1 FROM threads_run r WHERE r.thread_id = t.thread_id AND r.run_id <> :run_id
      AND r.status IN ('success', 'interrupted', 'stopped'))

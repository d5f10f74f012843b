-- Agents of threads that other programs write: `agent_name` is deepagents' command line, `graph_id` and
-- `assistant_id` are LangGraph's server. `agent_id` is read by the trigger threads_ledger.

CREATE TRIGGER threads_ledger_agent AFTER INSERT ON checkpoints WHEN NEW.checkpoint_ns = ''
BEGIN
    UPDATE threads_thread
    SET agent_id = CASE
        WHEN json_type(CAST(NEW.metadata AS TEXT), '$.agent_name') = 'text'
        THEN json_extract(CAST(NEW.metadata AS TEXT), '$.agent_name')
        WHEN json_type(CAST(NEW.metadata AS TEXT), '$.graph_id') = 'text'
        THEN json_extract(CAST(NEW.metadata AS TEXT), '$.graph_id')
        WHEN json_type(CAST(NEW.metadata AS TEXT), '$.assistant_id') = 'text'
        THEN json_extract(CAST(NEW.metadata AS TEXT), '$.assistant_id') END
    WHERE thread_id = NEW.thread_id AND agent_id IS NULL AND json_valid(CAST(NEW.metadata AS TEXT));
END;

-- Threads that are there already, by their heads.
UPDATE threads_thread
SET agent_id = (
    SELECT CASE
        WHEN NOT json_valid(CAST(c.metadata AS TEXT)) THEN NULL
        WHEN json_type(CAST(c.metadata AS TEXT), '$.agent_name') = 'text'
        THEN json_extract(CAST(c.metadata AS TEXT), '$.agent_name')
        WHEN json_type(CAST(c.metadata AS TEXT), '$.graph_id') = 'text'
        THEN json_extract(CAST(c.metadata AS TEXT), '$.graph_id')
        WHEN json_type(CAST(c.metadata AS TEXT), '$.assistant_id') = 'text'
        THEN json_extract(CAST(c.metadata AS TEXT), '$.assistant_id') END
    FROM checkpoints c
    WHERE c.thread_id = threads_thread.thread_id AND c.checkpoint_ns = '' AND c.checkpoint_id = head_id)
WHERE agent_id IS NULL AND head_id IS NOT NULL;

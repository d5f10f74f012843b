"""Chat threads for any LangGraph agent, kept in the same database as its checkpoints."""

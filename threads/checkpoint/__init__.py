"""The LangGraph checkpointer that stores checkpoints and the registry's ledger in one transaction."""

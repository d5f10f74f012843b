"""The LangGraph checkpointer that keeps checkpoints and the registry's ledger in one transaction."""

"""The agents' memory: the checkpointer, and reading what it keeps."""

"""TODO threads/search."""

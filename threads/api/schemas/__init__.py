"""TODO threads/api/schemas."""

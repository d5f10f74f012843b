"""Routes of the API, one module per resource: the first part of the path, or the last one below a thread."""

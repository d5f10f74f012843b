"""Full-text search: the index, the query language, the search itself, snippets."""

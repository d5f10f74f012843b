"""The tables of the registry: threads, runs, events, users, retention rules, statistics."""

"""Runs of agents in threads: admission, leases, events, cancellation and recovery."""

from threads.runs.runner import Run, Runner
from threads.runs.tool_calls import tool_key

__all__ = ["Run", "Runner", "tool_key"]

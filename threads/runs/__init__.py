"""What happens in threads: runs, one at a time, each answered once; their events; their recovery."""

from threads.runs.run import Run
from threads.runs.runner import Runner
from threads.runs.tool_events import tool_key

__all__ = ["Run", "Runner", "tool_key"]

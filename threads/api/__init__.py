"""The HTTP API: the threading document's routes, live events, and doors that are locked.

`create_app` makes an ASGI application of a registry and a runner; `threads serve` runs it. FastAPI and
uvicorn live in this room only. The registry is synchronous: its calls run in the thread pool, and what
takes long (an answer, a stream of events) is awaited without holding a thread.
"""

from threads.api.app import create_app
from threads.api.rate_limit import Limits

__all__ = ["Limits", "create_app"]

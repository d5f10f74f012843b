"""The HTTP API: routes under `/api/v1`, event streams, authentication and limits.

`create_app` returns an ASGI application over a registry and a runner; `threads serve` runs it. FastAPI and
uvicorn are imported in this package only. The registry is synchronous: its calls run in the thread pool, and
what takes long (a run, a stream of events) is awaited without blocking a thread.
"""

from threads.api.app import create_app
from threads.api.rate_limit import Limits
from threads.web import PageOptions

__all__ = ["Limits", "PageOptions", "create_app"]

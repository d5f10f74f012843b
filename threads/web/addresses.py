"""The paths of the page, as `static/router.js` reads them.

LangGraph's protocol keeps `/threads`, `/runs`, `/assistants`, `/store`, `/info` and `/ok`.
"""

VIEWS = ("archive", "trash", "analytics", "settings", "sign-in")
"""The views that have an address of their own, `/NAME`."""


def is_page_path(path: str) -> bool:
    """True for a path of the page, below the mount point of the application."""
    return path == "/" or path.startswith(("/t/", "/assets/")) or path[1:] in VIEWS

"""How many file descriptors the server may have open."""

from __future__ import annotations

from contextlib import suppress

OPEN_MAX = 10_240
"""What macOS allows where it says that there is no limit."""


def raise_limit() -> int | None:
    """Raise the limit of this process to what it may have; the limit then, None where there is none."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, OPEN_MAX):
        if soft != resource.RLIM_INFINITY and (wanted == resource.RLIM_INFINITY or wanted > soft):
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                break
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


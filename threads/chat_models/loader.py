"""`load_model`: a chat model by name, "offline" or "openai:NAME".

"openai:NAME" is langchain-openai's `ChatOpenAI` (`chat_openai.py`). It takes `OPENAI_API_KEY` and
`OPENAI_BASE_URL` from the environment, so it works with every server that has OpenAI's interface: Ollama,
vLLM and llama.cpp too. With a base URL the key may be missing, since local servers need none.

Without a name the default is `THREADS_MODEL`; else OpenAI, if there is a key; else the offline model. The
chosen default is printed to stderr once per process, because the answers of the two differ a lot.
"""

import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from langchain_core.language_models import BaseChatModel

DEFAULT_OPENAI_MODEL = "gpt-4o-mini"
"""Used when there is a key and no name; `OPENAI_MODEL` names another."""

_offline_delay: ContextVar[float] = ContextVar("offline_delay", default=0.0)


class ModelUnavailable(ValueError):
    """No chat model is available under this name."""


def load_model(spec: str | None = None, **kwargs: Any) -> BaseChatModel:
    """Return the chat model that `spec` names, or the default one. `kwargs` go to its constructor.

    Raises `ModelUnavailable` with the remedy.
    """
    if spec is None:
        spec = _default_spec()
        _announce(spec)
    provider, _, name = spec.partition(":")
    if provider == "offline" and not name:
        from threads.chat_models.offline import OfflineChatModel

        return OfflineChatModel(**({"delay": _delay()} | kwargs))
    if provider == "openai":
        return _openai_model(name, kwargs)
    raise ModelUnavailable(f"There is no model {spec!r}. Use 'offline' or 'openai:NAME'.")


@contextmanager
def offline_delay(seconds: float) -> Iterator[None]:
    """Make offline models that are loaded in this context wait `seconds` before each streamed word.

    `THREADS_OFFLINE_DELAY` and an argument `delay` of `load_model` take precedence.
    """
    token = _offline_delay.set(seconds)
    try:
        yield
    finally:
        _offline_delay.reset(token)


def _default_spec() -> str:
    if spec := os.environ.get("THREADS_MODEL"):
        return spec
    if os.environ.get("OPENAI_API_KEY"):
        return f"openai:{os.environ.get('OPENAI_MODEL') or DEFAULT_OPENAI_MODEL}"
    return "offline"


def _delay() -> float:
    """Return the seconds between streamed words: of the environment, else of the context."""
    given = os.environ.get("THREADS_OFFLINE_DELAY")
    if not given:
        return _offline_delay.get()
    try:
        delay = float(given)
    except ValueError:
        delay = -1
    if not 0 <= delay < 60:
        raise ModelUnavailable(
            f"THREADS_OFFLINE_DELAY is {given!r}, not a number of seconds from 0 to 60. Correct or unset it."
        )
    return delay


@functools.cache  # so that it is printed once
def _announce(spec: str) -> None:
    kind = "the offline model" if spec == "offline" else spec
    print(f"threads: using {kind}; set THREADS_MODEL=openai:NAME to use another.", file=sys.stderr)


def _openai_model(name: str, kwargs: dict[str, Any]) -> BaseChatModel:
    if not name:
        raise ModelUnavailable(
            f"The name of the OpenAI model is missing. Use 'openai:NAME', for example "
            f"'openai:{DEFAULT_OPENAI_MODEL}'."
        )
    from threads.chat_models.chat_openai import CompleteChatOpenAI

    return CompleteChatOpenAI(
        model=name, **(_api_key(kwargs) | {"stream_usage": True, "timeout": 60, "max_retries": 2} | kwargs)
    )


def _api_key(kwargs: dict[str, Any]) -> dict[str, str]:
    """Return nothing where a key is given already, and a placeholder for a server that needs none."""
    if os.environ.get("OPENAI_API_KEY") or {"api_key", "openai_api_key"} & kwargs.keys():
        return {}
    if not (os.environ.get("OPENAI_BASE_URL") or {"base_url", "openai_api_base"} & kwargs.keys()):
        raise ModelUnavailable(
            "OPENAI_API_KEY is not set. Set it; or OPENAI_BASE_URL, for a server of your own; "
            "or THREADS_MODEL=offline, which needs neither."
        )
    return {"api_key": "none"}

"""`load_model`: a chat model by name, "offline" or "openai:NAME".

"openai:NAME" is langchain-openai's `ChatOpenAI` (`agent.chat_openai`). It takes `OPENAI_API_KEY` and
`OPENAI_BASE_URL` from the environment and so speaks to every server with that interface: Ollama, vLLM and
llama.cpp too. With a base URL the key may be missing, since local servers ask for none.

Without a name the default is `THREADS_MODEL`; else OpenAI, if there is a key; else the offline model.
Which one that was is said on stderr, once, because the answers differ more than their looks.

`THREADS_OFFLINE_DELAY` is the number of seconds that the offline model waits before each streamed word, so
that streaming can be seen without a key. `threads chat` and `threads serve` set it where it is not set.
"""

import functools
import os
import sys
from typing import Any

from langchain_core.language_models import BaseChatModel

DEFAULT_OPENAI_MODEL = "gpt-4o-mini"
"""With a key and no name; `OPENAI_MODEL` names another."""


class ModelUnavailable(ValueError):
    """No chat model can be had under this name."""


def load_model(spec: str | None = None, **kwargs: Any) -> BaseChatModel:
    """The chat model that `spec` names, or the default one. `kwargs` go to its constructor.

    Raises `ModelUnavailable` with what to do.
    """
    if spec is None:
        spec = _default()
        _announce(spec)
    provider, _, name = spec.partition(":")
    if provider == "offline" and not name:
        from agent.offline import OfflineChatModel

        return OfflineChatModel(**({"delay": _offline_delay()} | kwargs))
    if provider == "openai":
        return _openai(name, kwargs)
    raise ModelUnavailable(f"No model is called {spec!r}: say 'offline' or 'openai:NAME'.")


def _default() -> str:
    if spec := os.environ.get("THREADS_MODEL"):
        return spec
    if os.environ.get("OPENAI_API_KEY"):
        return f"openai:{os.environ.get('OPENAI_MODEL') or DEFAULT_OPENAI_MODEL}"
    return "offline"


def _offline_delay() -> float:
    given = os.environ.get("THREADS_OFFLINE_DELAY") or "0"
    try:
        delay = float(given)
    except ValueError:
        delay = -1
    if not 0 <= delay < 60:
        raise ModelUnavailable(
            f"THREADS_OFFLINE_DELAY is {given!r}, not a number of seconds from 0 to 60. Correct or unset it."
        )
    return delay


@functools.cache
def _announce(spec: str) -> None:
    """Cached, so that it is said once."""
    kind = "the offline model" if spec == "offline" else spec
    print(f"threads: using {kind}; set THREADS_MODEL=openai:NAME to use another.", file=sys.stderr)


def _openai(name: str, kwargs: dict[str, Any]) -> BaseChatModel:
    if not name:
        raise ModelUnavailable(
            f"Which OpenAI model? Say 'openai:NAME', for example 'openai:{DEFAULT_OPENAI_MODEL}'."
        )
    from agent.chat_openai import WholeChatOpenAI

    return WholeChatOpenAI(
        model=name, **(_key(kwargs) | {"stream_usage": True, "timeout": 60, "max_retries": 2} | kwargs)
    )


def _key(kwargs: dict[str, Any]) -> dict[str, str]:
    """Nothing where a key is given already; a placeholder for a server that asks for none."""
    if os.environ.get("OPENAI_API_KEY") or {"api_key", "openai_api_key"} & kwargs.keys():
        return {}
    if not (os.environ.get("OPENAI_BASE_URL") or {"base_url", "openai_api_base"} & kwargs.keys()):
        raise ModelUnavailable(
            "OPENAI_API_KEY is not set. Set it; or OPENAI_BASE_URL, for a server of your own; "
            "or THREADS_MODEL=offline, which needs neither."
        )
    return {"api_key": "none"}

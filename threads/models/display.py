"""How models appear as the last line of a notebook's cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Renderer = Callable[[Sequence[Any], str, bool], dict[str, str]]
"""Makes a MIME bundle of items, their plain text, and whether more items follow."""

_renderers: list[Renderer] = []


def register_renderer(renderer: Renderer) -> None:
    """Display all models by this renderer from now on."""
    _renderers[:] = [renderer]


def mime_bundle(items: Sequence[Any], text: str, *, more: bool = False) -> dict[str, str]:
    """Return `items` as text, HTML and Markdown; `more`: others follow on the next page."""
    if not _renderers:
        import threads.notebook  # noqa: F401  registers its renderer; few processes ever display a model
    return _renderers[0](items, text, more)


class NotebookDisplay:
    """Mixin of the models that a notebook displays; IPython finds the method by its name."""

    __slots__ = ()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return mime_bundle([self], repr(self))

"""The files of the page in memory: compressed, named by a version that changes with any of them.

All links are relative, so the page works wherever it is mounted. A document lies at `/` or below; the file
`NAME` lies at `/assets/VERSION/NAME` and may be cached forever. Styles are sent as one file, modules one by
one, all announced in the document so that a browser requests them at once.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template

from threads.web.colors import accent_styles, parse_color
from threads.web.options import PageOptions

MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
    ".html": "text/html; charset=utf-8",
}  # fmt: skip
STYLES = "static/styles.css"
FIRST_STYLES = ("tokens", "base", "layout", "overlays")
"""The style sheets that the others build on; those follow by name."""
ENTRY = "static/app.js"
THEME = "static/theme.js"
ICON = "static/icon.svg"
LAZY = ("vendor/highlight.js",)
"""Modules that are imported when they are needed, not announced."""
COMPRESSIBLE = ("text/", "image/svg+xml")


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    content: bytes
    compressed: bytes | None
    """The same by gzip; None where that saves nothing."""
    media_type: str
    etag: str


class PageAssets:
    """The document and the files of one page. Files are read at the first request."""

    def __init__(self, options: PageOptions) -> None:
        """Check the options; raises `InvalidValue` for a logo that cannot be read."""
        self._options = options
        self._logo = options.read_logo()

    @cached_property
    def files(self) -> dict[str, Asset]:
        """All files by name, as in `static/app.js`."""
        found = {name: (content, media_type) for name, content, media_type in _packaged_files()}
        styles = b"".join(found.pop(name)[0] for name in _ordered_styles(found))
        found[STYLES] = (styles + self._accent_styles(), MEDIA_TYPES[".css"])
        if self._logo is not None:
            found[ICON] = self._logo
        return {name: _asset(content, media_type) for name, (content, media_type) in found.items()}

    @cached_property
    def version(self) -> str:
        """A name for this set of files."""
        parts = "".join(f"{name} {asset.etag}\n" for name, asset in sorted(self.files.items()))
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def document(self, depth: int) -> Asset:
        """Return the HTML of a document that lies `depth` folders below the page's root."""
        if depth not in self._documents:
            self._documents[depth] = self._make_document(depth)
        return self._documents[depth]

    @cached_property
    def _documents(self) -> dict[int, Asset]:
        return {}

    def _make_document(self, depth: int) -> Asset:
        root = f"{'../' * depth or './'}assets/{self.version}"
        modules = [
            name for name in sorted(self.files) if name.endswith(".js") and name not in (*LAZY, THEME, ENTRY)
        ]
        icon = f'<link rel="icon" href="{root}/{ICON}" type="{self.files[ICON].media_type}"'
        head = [
            f'<script src="{root}/{THEME}"></script>',
            f'<link rel="stylesheet" href="{root}/{STYLES}">',
            f'<script type="module" src="{root}/{ENTRY}"></script>',
            *(f'<link rel="modulepreload" href="{root}/{name}">' for name in modules),
            f"{icon}{' data-logo' if self._logo else ''}>",
        ]
        text = (files("threads.web") / "static" / "index.html").read_text(encoding="utf-8")
        html = Template(text).substitute(name=escape(self._options.name), head="\n".join(head))
        return _asset(html.encode(), MEDIA_TYPES[".html"])

    def _accent_styles(self) -> bytes:
        color = parse_color(self._options.accent or "")
        return b"" if color is None else accent_styles(color).encode()


def _packaged_files() -> Iterator[tuple[str, bytes, str]]:
    """Yield name, content and media type of the files of this package that a browser gets."""
    for folder in ("static", "vendor"):
        for name, file in _walk(files("threads.web") / folder, folder):
            media_type = MEDIA_TYPES.get("." + name.rpartition(".")[2])
            if media_type is not None and not name.endswith(".html"):
                yield name, file.read_bytes().replace(b"\r\n", b"\n"), media_type


def _walk(folder: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _walk(each, f"{name}/{each.name}")
        else:
            yield f"{name}/{each.name}", each


def _ordered_styles(names: dict[str, tuple[bytes, str]]) -> list[str]:
    prefix = "static/styles/"
    styles = sorted(name for name in names if name.startswith(prefix))
    first = [f"{prefix}{name}.css" for name in FIRST_STYLES]
    return [*first, *(name for name in styles if name not in first)]


def _asset(content: bytes, media_type: str) -> Asset:
    compressed = gzip.compress(content, mtime=0) if media_type.startswith(COMPRESSIBLE) else None
    if compressed is not None and len(compressed) >= len(content):
        compressed = None
    return Asset(content, compressed, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')

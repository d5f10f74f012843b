"""The files of the page in memory: compressed, named by a version that changes with any of them.

All links are relative, so the page works wherever it is mounted. A document lies at `/` or below; the file
`NAME` lies at `/assets/VERSION/NAME` and may be cached forever. Styles are sent as one file, modules one by
one and without their comments. The document announces those that the entry imports, so that a browser
requests them at once; what is imported by `import()` is loaded when it is needed.
"""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import re
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
IMPORT = re.compile(r"""^(?:import|export)\b[^;]*?["'](\.[^"']+)["'];""", re.MULTILINE)
"""A static import, as the modules of this package are written."""
COMMENT = re.compile(r"^[ \t]*(?:/\*(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*$", re.MULTILINE | re.DOTALL)
"""A comment that has its lines for itself; lines that begin so in a template would be taken for one."""
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
        icon = f'<link rel="icon" href="{root}/{ICON}" type="{self.files[ICON].media_type}"'
        head = [
            f'<script src="{root}/{THEME}"></script>',
            f'<link rel="stylesheet" href="{root}/{STYLES}">',
            f'<script type="module" src="{root}/{ENTRY}"></script>',
            *(f'<link rel="modulepreload" href="{root}/{name}">' for name in self._imported()),
            f"{icon}{' data-logo' if self._logo else ''}>",
        ]
        text = (files("threads.web") / "static" / "index.html").read_text(encoding="utf-8")
        html = Template(text).substitute(name=escape(self._options.name), head="\n".join(head))
        return _asset(html.encode(), MEDIA_TYPES[".html"])

    def _imported(self) -> list[str]:
        """Return the modules that the entry imports, directly or not, in the order of their discovery."""
        found = [ENTRY]
        for name in found:
            for path in IMPORT.findall(self.files[name].content.decode()):
                imported = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
                if imported not in found:
                    found.append(imported)
        return found[1:]

    def _accent_styles(self) -> bytes:
        color = parse_color(self._options.accent or "")
        return b"" if color is None else accent_styles(color).encode()


def _packaged_files() -> Iterator[tuple[str, bytes, str]]:
    """Yield name, content and media type of the files of this package that a browser gets."""
    for folder in ("static", "vendor"):
        for name, file in _walk(files("threads.web") / folder, folder):
            media_type = MEDIA_TYPES.get("." + name.rpartition(".")[2])
            if media_type is not None and not name.endswith(".html"):
                text = file.read_text(encoding="utf-8")
                is_ours = folder == "static" and not name.endswith(".svg")
                yield name, (without_comments(text) if is_ours else text).encode(), media_type


def without_comments(text: str) -> str:
    """Return a module or style sheet without the comments between its lines, which keep their numbers."""
    return COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)


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

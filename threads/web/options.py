"""What an operator can set of the page: its name, its logo, its accent colour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from threads.errors import InvalidValue
from threads.web.colors import parse_color

LOGO_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg"}
MAX_LOGO_BYTES = 262_144
MAX_NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class PageOptions:
    """Name, logo and accent colour of the page; raises `InvalidValue`.

    `logo`: an SVG, PNG, WebP or JPEG file, read when the application is made. `accent`: `#rgb` or `#rrggbb`;
    it is darkened on light and lightened on dark surfaces until text in it can be read.
    """

    name: str = "Threads"
    logo: Path | None = None
    accent: str | None = None

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > MAX_NAME_LENGTH or not self.name.isprintable():
            raise InvalidValue("name", f"1 to {MAX_NAME_LENGTH} printable characters are required")
        if self.accent is not None and parse_color(self.accent) is None:
            raise InvalidValue("accent", f"a colour such as #3553c9 is required, not {self.accent!r}")
        if self.logo is not None and Path(self.logo).suffix.lower() not in LOGO_TYPES:
            raise InvalidValue("logo", f"a file of one of these types is required: {', '.join(LOGO_TYPES)}")

    def read_logo(self) -> tuple[bytes, str] | None:
        """Return content and media type of the logo, None without one; raises `InvalidValue`."""
        if self.logo is None:
            return None
        path = Path(self.logo)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InvalidValue("logo", f"{path} cannot be read: {error.strerror}") from error
        if len(content) > MAX_LOGO_BYTES:
            raise InvalidValue(
                "logo", f"{path} has {len(content)} bytes; at most {MAX_LOGO_BYTES} are allowed"
            )
        return content, LOGO_TYPES[path.suffix.lower()]

"""Colours of the page that are made from one accent colour, readable in light and in dark."""

from __future__ import annotations

import re

HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
RGB = tuple[float, float, float]
LIGHT_BACKGROUNDS: tuple[RGB, ...] = ((255, 255, 255), (227, 230, 238))
DARK_BACKGROUNDS: tuple[RGB, ...] = ((23, 24, 27), (38, 42, 52))
"""The lightest and darkest surfaces that the accent colour stands on, as in `styles/tokens.css`."""
ENOUGH = 4.5
"""The contrast that WCAG 2 asks of text."""
STEPS = 40


def parse_color(text: str) -> RGB | None:
    """Return red, green and blue from 0 to 255 of `#rgb` or `#rrggbb`; None for any other text."""
    found = HEX.fullmatch(text.strip())
    if found is None:
        return None
    digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
    red, green, blue = (int(digits[start : start + 2], 16) for start in (0, 2, 4))
    return red, green, blue


def accent_styles(color: RGB) -> str:
    """Return a style sheet that sets `--accent` and `--on-accent`, readable in both themes."""
    light = _adapted(color, LIGHT_BACKGROUNDS, toward=0)
    dark = _adapted(color, DARK_BACKGROUNDS, toward=255)
    return (
        f":root{{--accent:light-dark({_hex(light)},{_hex(dark)});"
        f"--on-accent:light-dark({_text_on(light)},{_text_on(dark)})}}\n"
    )


def _adapted(color: RGB, backgrounds: tuple[RGB, ...], *, toward: int) -> RGB:
    """Return the colour, mixed with black or white until it can be read on all backgrounds."""
    mixed = color
    for step in range(STEPS + 1):
        share = step / STEPS
        red, green, blue = (part + (toward - part) * share for part in color)
        mixed = red, green, blue
        if all(contrast(mixed, each) >= ENOUGH for each in backgrounds):
            break
    return mixed


def contrast(one: RGB, other: RGB) -> float:
    """Return the contrast ratio of two colours, from 1 to 21, as WCAG 2 defines it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: RGB) -> float:
    parts = (part / 255 for part in color)
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _text_on(color: RGB) -> str:
    return "#ffffff" if contrast(color, (255, 255, 255)) >= ENOUGH else "#10131f"


def _hex(color: RGB) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in color)

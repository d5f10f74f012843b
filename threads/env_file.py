"""Files of environment variables (`.env`), in the syntax of python-dotenv."""

from __future__ import annotations

import re
from collections.abc import Mapping

BINDING = re.compile(
    r"""\s*(?:export[^\S\n]+)?+
    (?:'(?P<quoted_name>[^'\n]+)'|(?P<name>[^=\#\s'"]+))[^\S\n]*
    (?:=(?P<gap>[^\S\n]*+)
        (?:'(?P<single>(?:\\.|[^'\\])*)'
         | "(?P<double>(?:\\.|[^"\\])*)"
         | (?P<plain>(?!['"])[^\n]*)
        )
    )?
    [^\S\n]*(?:\#[^\n]*)?(?:\n|\Z)""",
    re.VERBOSE | re.DOTALL,
)
"""`NAME=VALUE`, also with `export`, in quotes over several lines, and with a comment; or a name alone."""
NOTHING = re.compile(r"\s*(?:#[^\n]*)?(?:\n|\Z)")
"""An empty line, or a comment."""
COMMENT = re.compile(r"\s+#.*")
REFERENCE = re.compile(r"\$\{(?P<name>[^}:]*)(?::-(?P<default>[^}]*))?\}")
"""`${NAME}`, or with a default `${NAME:-VALUE}`."""
SINGLE_ESCAPE = re.compile(r"\\([\\'])")
DOUBLE_ESCAPE = re.compile(r"\\([\\'\"abfnrtv])")
ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class NotABinding(ValueError):
    """A line is neither NAME=VALUE nor a comment."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__(f"line {line} is not NAME=VALUE")


def parse_env(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an env file. `${NAME}` is that of the environment, else of the file before it.

    A name without `=` gives none. Raises `NotABinding`; its message does not contain the line, which may be
    a secret.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        if nothing := NOTHING.match(text, at):
            at = nothing.end()
            continue
        binding = BINDING.match(text, at)
        if binding is None:
            raise NotABinding(text.count("\n", 0, at) + 1)
        value = _value(binding)
        if value is not None:
            found[binding["quoted_name"] or binding["name"]] = _resolved(value, {**found, **environment})
        at = binding.end()
    return found


def _value(binding: re.Match[str]) -> str | None:
    """The value of a binding, without its quotes; None for a name alone."""
    if binding["single"] is not None:
        return SINGLE_ESCAPE.sub(r"\1", binding["single"])
    if binding["double"] is not None:
        return DOUBLE_ESCAPE.sub(lambda escape: ESCAPED.get(escape[1], escape[1]), binding["double"])
    return None if binding["plain"] is None else COMMENT.sub("", binding["gap"] + binding["plain"]).strip()


def _resolved(value: str, known: Mapping[str, str]) -> str:
    return REFERENCE.sub(lambda found: known.get(found["name"], found["default"] or ""), value)

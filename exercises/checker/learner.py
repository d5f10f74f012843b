"""A learner's file as a module, and where in it to look."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from checker.findings import CheckFailed


class Learner:
    """The names of the learner's program; a missing one, or a None that should be something, is a finding."""

    def __init__(self, names: Mapping[str, Any], path: Path | None) -> None:
        self.names = names
        self.path = path

    @classmethod
    def load(cls, path: Path) -> Learner:
        """Import the file; what its top level raises goes through."""
        name = f"learner_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        return cls(vars(module), path)

    def __getattr__(self, name: str) -> Any:
        if name not in self.names:
            raise CheckFailed("missing-name", f"there is no {name} any more", name)
        return self.names[name]

    def made(self, value: Any, where: Callable[..., Any]) -> Any:
        """`value`, which must not be None: most often a forgotten `return`."""
        if value is None:
            raise CheckFailed("returns-nothing", f"{where.__name__} returned None", where)
        return value

    def where(
        self, place: Callable[..., Any] | str | None, call: traceback.StackSummary | None = None
    ) -> str:
        """`name, line N of file`, as far as it can be told: the line of the call, or else of the name."""
        if place is None or isinstance(place, str):
            return place or ""
        for frame in call or ():
            if frame.name == place.__name__ and self._is_own(frame.filename):
                return f"{place.__qualname__}, {self._line(frame.lineno or 0)}"
        try:
            return f"{place.__qualname__}, {self._line(inspect.getsourcelines(place)[1])}"
        except (OSError, TypeError):  # typed into a notebook and redefined since, or not a function at all
            return getattr(place, "__qualname__", repr(place))

    def where_of(self, names: Sequence[str]) -> str:
        """The lines of several functions; of one that is gone, the name."""
        return "; ".join(self.where(self.names.get(name, name)) for name in names)

    def where_raised(self, error: BaseException) -> tuple[str, str]:
        """The function of the learner's in which `error` came up, and that with its line."""
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if self._is_own(frame.filename)]
        if not own:
            return "", ""
        return own[-1].name, f"{own[-1].name}, {self._line(own[-1].lineno or 0)}"

    def raised_by_hand(self, error: BaseException) -> bool:
        """Whether a line of the learner's own raised it, and no call in that line did."""
        *_, last = traceback.extract_tb(error.__traceback__) or [None]
        return bool(last and self._is_own(last.filename) and re.search(r"\braise\s+\w", last.line or ""))

    def _line(self, number: int) -> str:
        return f"line {number}" + (f" of {self.path.name}" if self.path else " of its cell")

    def _is_own(self, filename: str) -> bool:
        if self.path is not None:
            return Path(filename) == self.path
        return "ipykernel" in filename


def name_of(value: Any) -> str:
    """A value as a report shows it: short."""
    return short(repr(value))


def short(shown: str) -> str:
    return shown if len(shown) <= 100 else shown[:97] + "..."

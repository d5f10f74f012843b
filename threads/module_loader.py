"""Import of an object by module and name, as `--agents` and the isolation audit take them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any


class ObjectNotFound(LookupError):
    """There is no such module, or it has no such attribute; the message says which."""


class ModuleBroken(ImportError):
    """Importing the module raised `error`."""

    def __init__(self, module: str, error: BaseException) -> None:
        self.error = error
        super().__init__(f"{module} cannot be imported")


def load_object(module: str, name: str) -> Any:
    """Import `module`, also from the current folder, and return its attribute `name`, which may be dotted.

    Raises `ObjectNotFound`, and `ModuleBroken` for any other error of the module's code.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and f"{module}.".startswith(f"{missing}."):
            raise ObjectNotFound(f"there is no module {module!r} here") from error
        raise ModuleBroken(module, error) from error
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            raise ObjectNotFound(f"module {module!r} has no {name!r}") from error
        except Exception as error:
            raise ModuleBroken(module, error) from error
    return found

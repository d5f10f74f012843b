"""Import of an object by module and name, or by file and name, as `--agents` and the audit take them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from types import ModuleType
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
        found = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and f"{module}.".startswith(f"{missing}."):
            raise ObjectNotFound(f"there is no module {module!r} here") from error
        raise ModuleBroken(module, error) from error
    return _attribute(found, name, module)


def load_file_object(file: Path, name: str, folders: Sequence[Path], alias: str) -> Any:
    """Import the module in `file` and return its attribute `name`, which may be dotted.

    It is imported by its dotted name from the first of `folders` that contains it, as its project itself
    imports it, so that its relative imports work and its classes exist once. Where that name means another
    module, it is imported under `alias`, and where that is taken under one that is this file's alone.
    Raises `ObjectNotFound`, and `ModuleBroken` for any error of the module's code.
    """
    try:
        dotted = _dotted_name(file, folders)
        module = importlib.import_module(dotted) if dotted else _import_as(alias, file)
    except (Exception, SystemExit) as error:
        raise ModuleBroken(str(file), error) from error
    return _attribute(module, name, str(file))


def _dotted_name(file: Path, folders: Sequence[Path]) -> str | None:
    """The name by which `file` is imported; None where it has none."""
    file = file.resolve()
    folder = next((each for each in folders if file.is_relative_to(each)), None)
    if folder is None or file.suffix != ".py":
        return None
    parts = file.relative_to(folder).with_suffix("").parts
    dotted = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    try:
        found = importlib.util.find_spec(dotted) if all(map(str.isidentifier, parts)) and dotted else None
    except (Exception, SystemExit):  # noqa: BLE001  a package's own code failed, or it is no package
        return None
    is_same = found is not None and found.origin is not None and _is_same_file(found.origin, file)
    return dotted if is_same else None


def _import_as(alias: str, file: Path) -> ModuleType:
    """Import the module in `file` under this name, once."""
    known = sys.modules.get(alias)
    if known is not None and not _is_same_file(getattr(known, "__file__", None), file):
        alias = f"{alias}_{sha256(str(file.resolve()).encode()).hexdigest()[:8]}"
        known = sys.modules.get(alias)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(alias, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = sys.modules[alias] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[alias]
        raise
    return module


def _is_same_file(origin: str | None, file: Path) -> bool:
    return origin is not None and Path(origin).exists() and Path(origin).samefile(file)


def _attribute(module: ModuleType, name: str, shown: str) -> Any:
    found: Any = module
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            raise ObjectNotFound(f"module {shown!r} has no {name!r}") from error
        except Exception as error:
            raise ModuleBroken(shown, error) from error
    return found

"""Import of an object by module and name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from threads.module_loader import ModuleBroken, ObjectNotFound, load_object


@pytest.fixture(autouse=True)
def current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def test_object_of_a_module_in_the_current_folder_is_loaded(current_folder: Path) -> None:
    (current_folder / "loader_plain.py").write_text("class App:\n    limit = 3\n")
    assert load_object("loader_plain", "App.limit") == 3


@pytest.mark.parametrize(
    ("module", "name", "message"),
    [
        ("loader_none", "app", "there is no module 'loader_none' here"),
        ("loader_none.sub", "app", "there is no module 'loader_none.sub' here"),
        ("json", "nothing", "module 'json' has no 'nothing'"),
        ("json", "loads.nothing", "module 'json' has no 'loads.nothing'"),
    ],
)
def test_missing_module_or_name_is_reported(module: str, name: str, message: str) -> None:
    with pytest.raises(ObjectNotFound, match=f"^{message}$"):
        load_object(module, name)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import loader_not_installed", ModuleNotFoundError),
        ("app = [].nothing", AttributeError),
        ("raise SystemExit(3)", SystemExit),
        ("def __getattr__(name): raise RuntimeError(name)", RuntimeError),
    ],
)
def test_error_of_the_module_is_carried(current_folder: Path, code: str, kind: type) -> None:
    name = f"loader_broken_{kind.__name__.lower()}"
    (current_folder / f"{name}.py").write_text(code)
    with pytest.raises(ModuleBroken, match=f"^{name} cannot be imported$") as caught:
        load_object(name, "app")
    assert type(caught.value.error) is kind

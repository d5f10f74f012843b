"""The libraries of the page, and the types of its modules."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from locations import ROOT

from threads.web.tools import libraries
from threads.web.tools.type_check import check_types

STATIC = ROOT / "threads" / "web" / "static"


def test_the_libraries_are_what_was_built():
    done = subprocess.run(
        [sys.executable, "-m", "threads.web.tools.libraries", "--check"], cwd=ROOT, capture_output=True, text=True,
        check=False, env={**os.environ, "PATH": ""},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_library_that_was_changed_added_or_lost_is_noticed(tmp_path):
    vendor = shutil.copytree(libraries.VENDOR, tmp_path / "vendor")
    assert libraries.problems(vendor) == []
    (vendor / "marked.js").write_text("changed")
    (vendor / "more.js").write_text("")
    (vendor / "remend.js").unlink()
    assert libraries.problems(vendor) == [
        "remend.js is missing",
        "more.js is not in manifest.json",
        "marked.js was changed",
    ]


def test_each_library_has_its_licence_and_a_hash_for_its_download():
    for name in libraries.PACKAGES:
        assert "Copyright" in (libraries.VENDOR / f"{name}.LICENSE").read_text(encoding="utf-8")
    lock = libraries.locked_packages()
    assert lock and all(each.get("integrity", "").startswith("sha512-") for each in lock.values())


def test_modules_import_files_of_the_page_only():
    for path in STATIC.glob("*.js"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("import ") or "import(" in line:
                name = line.replace("'", '"').split('"')[1]
                assert (path.parent / name).exists(), f"{path.name}: {line}"


def test_modules_are_short_and_checked():
    for path in STATIC.glob("*.js"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 250, path.name
        assert lines[0] == "// @ts-check" or path.name == "theme.js", path.name


def test_the_types_of_the_modules_are_right():
    folder = os.environ.get("THREADS_TEST_NODE_MODULES")
    if folder is None:
        give_up = pytest.fail if os.environ.get("THREADS_TEST_REQUIRE") == "1" else pytest.skip
        give_up("THREADS_TEST_NODE_MODULES names no folder for npm; see threads/web/README.md")
    check_types(Path(folder))

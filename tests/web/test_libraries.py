"""The libraries of the page, and the types of its modules."""

import os
import re
import shutil
import subprocess
import sys

from locations import ROOT

from threads.web.assets import without_comments
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
        text = without_comments(path.read_text(encoding="utf-8"))
        for name in re.findall(r"""(?:\bfrom|\bimport\()\s*["']([^"']+)["']""", text):
            assert name.startswith(".") and (path.parent / name).exists(), f"{path.name}: {name}"


def test_modules_are_short_and_checked():
    for path in STATIC.glob("*.js"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 250, path.name
        assert lines[0] == "// @ts-check" or path.name == "theme.js", path.name


def test_the_types_of_the_modules_are_right(node_folder):
    check_types(node_folder)


def test_modules_without_comments_are_the_same_modules(node_folder, tmp_path):
    for name, change in (("whole", str), ("sent", without_comments)):
        (tmp_path / name).mkdir()
        for path in STATIC.glob("*.js"):
            (tmp_path / name / path.name).write_text(
                change(path.read_text(encoding="utf-8")), encoding="utf-8"
            )
        esbuild = node_folder / "node_modules" / "esbuild" / "bin" / "esbuild"
        files = [path.name for path in STATIC.glob("*.js")]
        libraries.run(
            "node",
            str(esbuild),
            *files,
            "--minify",
            f"--outdir={tmp_path / name / 'out'}",
            folder=tmp_path / name,
        )
    for path in (tmp_path / "whole" / "out").iterdir():
        assert (tmp_path / "sent" / "out" / path.name).read_text() == path.read_text(), path.name


def test_only_comments_with_lines_of_their_own_are_left_out():
    text = "/** a\n * b */\nlet x = 1; // c\n/** @type {A} */ (y).z(); /* d */\n  // e\n"
    assert without_comments(text) == "\n\nlet x = 1; // c\n/** @type {A} */ (y).z(); /* d */\n\n"

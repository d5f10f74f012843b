"""The rules for names: modules are nouns, a public class name is used once, work is called by what it does."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest
from locations import ROOT

PACKAGES = ("threads", "agent", "exercises")
ESTABLISHED = {"mapping", "pruning", "unread", "embedded", "string", "thing"}
"""Words that end like a verb's form and are the field's own nouns."""
TWICE = {"Report"}
"""Public in two packages: `threads.Report` of a bulk change, `threads.isolation.Report` of an audit."""
VAGUE = {"work", "told", "asked", "kept", "said"}
"""Names that say nothing of what a function does."""


def modules(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def test_module_names_are_nouns():
    last_words = {path: path.stem.split("_")[-1] for path in modules(*PACKAGES, "tests/support")}
    wrong = [
        path.relative_to(ROOT).as_posix()
        for path, word in last_words.items()
        if re.search("(ing|ed)$", word) and word not in ESTABLISHED
    ]
    assert wrong == []


def test_a_public_class_name_is_used_once():
    found = defaultdict(list)
    for path in modules("threads", "agent"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(path.relative_to(ROOT).as_posix())
    assert {name: paths for name, paths in found.items() if len(paths) > 1 and name not in TWICE} == {}


@pytest.mark.parametrize("package", ["threads", "agent"])
def test_no_function_has_a_vague_name(package):
    wrong = [
        f"{path.relative_to(ROOT).as_posix()}:{node.lineno} {node.name}"
        for path in modules(package)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in VAGUE
    ]
    assert wrong == []

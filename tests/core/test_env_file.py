"""Files of environment variables."""

from __future__ import annotations

import pytest

from threads.env_file import NotABinding, parse_env


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=1\nB = two words \n", {"A": "1", "B": "two words"}),
        ("export A=1\r\n\r\nB=2\r", {"A": "1", "B": "2"}),
        ("\ufeff# comment\n  # another\nA=1 # comment\nB=#1\nC= # none\nD=a#b", {"A": "1", "B": "#1", "C": "", "D": "a#b"}),
        ("A=\nB=''\nC=\"\"", {"A": "", "B": "", "C": ""}),
        ("A='x \\n # \"y\" \\' z' # comment", {"A": "x \\n # \"y\" ' z"}),
        ('A="x\\n\\t\\"y\\" \\\\ \\q"', {"A": 'x\n\t"y" \\ \\q'}),
        ('KEY="-----BEGIN\nabc=\n-----END"\nB=2', {"KEY": "-----BEGIN\nabc=\n-----END", "B": "2"}),
        ("A=1\nB=${A}2\nC=${HOME}\nD=${NONE:-x}${NONE}.\nE=$A", {"A": "1", "B": "12", "C": "/home", "D": "x.", "E": "$A"}),
        ("A=1\nB\nexport C\n", {"A": "1"}),
        ("A=1\nA=2", {"A": "2"}),
        ("URL=postgres://u:p=x@h/db?a=b", {"URL": "postgres://u:p=x@h/db?a=b"}),
        ("", {}),
    ],
)  # fmt: skip
def test_variables_are_those_of_python_dotenv(text: str, found: dict[str, str]) -> None:
    assert parse_env(text, {"HOME": "/home"}) == found


def test_environment_wins_in_references() -> None:
    assert parse_env("A=file\nB=${A}", {"A": "environment"}) == {"A": "file", "B": "environment"}


@pytest.mark.parametrize(
    ("text", "line"),
    [("A=1\n\nsome secret words", 3), ("A=1\nB='open", 2), ('A="1" 2', 1), ("=1", 1), ('A=1\n"B"=1', 2)],
)
def test_a_line_that_is_no_variable_is_named_and_not_shown(text: str, line: int) -> None:
    with pytest.raises(NotABinding) as caught:
        parse_env(text, {})
    assert str(caught.value) == f"line {line} is not NAME=VALUE"

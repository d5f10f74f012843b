"""User names that look alike are refused."""

import sqlite3
import sys
import unicodedata
from contextlib import closing

import pytest
from click.testing import CliRunner

import threads
from threads.cli.group import threads as group


@pytest.fixture
def users():
    with threads.open(":memory:") as registry:
        registry.users.add("alice")
        yield registry.users


def refused(users, name, why):
    with pytest.raises(threads.InvalidValue, match=why) as caught:
        users.add(name)
    assert caught.value.field == "name"
    assert [user.name for user in users.list()] == ["alice"]


HIDDEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u180f\u200b\u200c\u200d\u200e\u200f\u2028\u2029"
    "\u202a\u202e\u2060\u2066\u2069\u206a\u2800\u3164\ufe00\ufe0f\ufeff\uffa0\ufffb\U0001d173\U000e0001"
    "\U000e0061\U000e0100\U000e01ef\u00a0\u2003\u3000\ue000\U000e0fff"
)


@pytest.mark.parametrize("letter", HIDDEN, ids=lambda letter: f"U+{ord(letter):04X}")
def test_invisible_characters_are_refused(users, letter):
    for name in (f"alice{letter}", f"{letter}alice", f"bo{letter}b"):
        refused(users, name, f"U\\+{ord(letter):04X}.*cannot be seen")


def test_ignorable_characters_are_refused(users):
    blank = [
        chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in ("Cf", "Zs")
    ]
    assert len(blank) > 170
    for letter in blank:
        if letter != " ":
            refused(users, f"bo{letter}b", "cannot be seen")


@pytest.mark.parametrize("name", [" bob", "bob ", "bo  b", " "])
def test_invisible_spaces_are_refused(users, name):
    refused(users, name, "space")


@pytest.mark.parametrize("name", ["bob\n", "\tbob", "bo\x00b", "bo\x85b"])
def test_control_characters_are_refused(users, name):
    refused(users, name, "control character")


@pytest.mark.parametrize(
    "name",
    ["Alice", "ALICE", "\uff41lice", "\U0001d41aℓ\u24d8ce", "al\u2170ce", "ALıCE".replace("ı", "\u2160"), "aliſce".replace("ſ", "")],
)  # fmt: skip
def test_compatibility_forms_of_name_are_refused(users, name):
    refused(users, name, "looks like the user 'alice'|there is a user 'alice' already")


def test_composed_and_decomposed_letters_are_equal(users):
    users.add("zo\u00eb")
    with pytest.raises(threads.InvalidValue, match="looks like"):
        users.add("zoe\u0308")
    with pytest.raises(threads.InvalidValue, match="mark U\\+0308"):
        users.add("\u0308zoe")


@pytest.mark.parametrize("name", ["\u0430lice", "al\u0456ce", "alic\u03b5", "\u13aalice", "Iv\u0430n"])
def test_mixed_scripts_that_look_alike_are_refused(users, name):
    refused(users, name, "mixes Latin and (Cyrillic|Greek|Cherokee) letters")


def test_name_of_local_user_is_refused(users):
    refused(users, "Local User", "'local user'")


def test_names_of_all_scripts_are_accepted(users):
    names = [
        "bob", "bob smith", "o'neil", "alice@example.org", "élodie", "müller", "straße", "саша", "ελένη",
        "李雷", "佐藤 さくら", "김민수", "محمد", "דוד", "अनिता", "สมชาย", "user-1", "alice2", "鈴木 ken",
    ]  # fmt: skip
    for name in names:
        users.add(name)
    assert {user.name for user in users.list()} == {"alice", *names}


def test_stored_names_stay_valid_and_are_compared(tmp_path):
    path = tmp_path / "threads.db"
    old = "bob\u200b"
    with threads.open(path) as registry:
        registry.users.add("alice")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE threads_user SET name = ?", (old,))
    with threads.open(path) as registry:
        token = registry.users.new_token(old)
        assert registry.users.who(token)[0].name == old
        with pytest.raises(threads.InvalidValue, match="looks like the user"):
            registry.users.add("Bob")
        registry.users.remove(old)
        registry.users.add("Bob")


def test_command_names_similar_user(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(group, ["users", "add", "alice"]).exit_code == 0
    for name, why in (("alice\u200b", "U+200B"), ("Alice", "it looks like the user 'alice'")):
        done = CliRunner().invoke(group, ["users", "add", name])
        assert done.exit_code == 2
        assert why in done.stderr
    assert CliRunner().invoke(group, ["users", "ls"]).stdout.startswith("alice\t")

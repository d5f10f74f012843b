"""Sealed values: cursors and event ids that only their own file can read, and that tell nothing."""

import itertools
import sqlite3

import pytest

import threads
from threads.db.seals import FIRST, KEY_BYTES, LARGEST, Seals

SEALS = Seals(bytes(range(KEY_BYTES)))
NUMBERS = (0, 1, 2, 1000, 1001, 2**31, LARGEST)


def test_a_sealed_number_is_opened_for_its_purpose_alone():
    for number in NUMBERS:
        sealed = SEALS.seal_number(("event", "bob"), number)
        assert len(str(sealed)) == 16 and FIRST <= sealed < 2**53  # exact in JavaScript
        assert SEALS.open_number(("event", "bob"), sealed) == number
        for seals, purpose in (
            (SEALS, ("event", "alice")),
            (SEALS, ("x", "bob")),
            (Seals(bytes(32)), ("event", "bob")),
        ):
            with pytest.raises(threads.InvalidCursor):
                seals.open_number(purpose, sealed)


def test_numbers_that_were_never_sealed_are_refused():
    for forged in (-1, 0, 1, 2**40, FIRST, FIRST + 1, 2**53 - 1, 2**53, 2**64):
        with pytest.raises(threads.InvalidCursor):
            SEALS.open_number(("event", "bob"), forged)
    for number in (-1, LARGEST + 1):
        with pytest.raises(threads.DatabaseError):
            SEALS.seal_number(("event", "bob"), number)


def test_sealed_numbers_keep_no_order():
    sealed = [SEALS.seal_number(("event", "bob"), number) for number in range(1000)]
    assert len(set(sealed)) == 1000
    rising = sum(before < after for before, after in itertools.pairwise(sealed))
    assert 400 < rising < 600


def test_a_sealed_text_is_opened_for_its_purpose_alone():
    for content in ("", "x", "größe 京 " * 1000):
        sealed = SEALS.seal(("list", None), content)
        assert SEALS.open(("list", None), sealed) == content
        assert not sealed.startswith("-")
        for seals, purpose in (
            (SEALS, ("list", "None")),
            (SEALS, ("list", "")),
            (Seals(bytes(32)), ("list", None)),
        ):
            with pytest.raises(threads.InvalidCursor):
                seals.open(purpose, sealed)


@pytest.mark.parametrize(
    "forged", ["", "c", "nonsense", "c" + "A" * 40, "ü", "c\ud800", None, 5, b"c", "e30="]
)
def test_texts_that_were_never_sealed_are_refused(forged):
    with pytest.raises(threads.InvalidCursor):
        SEALS.open(("list", None), forged)


def test_a_cursor_is_good_for_every_process_on_the_file_and_for_a_copy_of_it(tmp_path):
    path = tmp_path / "t.db"
    with threads.open(path) as registry:
        for number in range(3):
            registry.create(id=str(number), owner="bob")
        cursor = registry.list(owner="bob", limit=1).next_cursor
        registry.backup(tmp_path / "copy.db")
    for where, read_only in ((path, False), (path, True), (tmp_path / "copy.db", False)):
        with threads.open(where, read_only=read_only) as registry:
            assert [thread.id for thread in registry.list(owner="bob", cursor=cursor)] == ["1", "0"]
            for owner in (None, "alice"):
                with pytest.raises(threads.InvalidCursor):
                    registry.list(owner=owner, cursor=cursor)
    with threads.open(tmp_path / "other.db") as registry, pytest.raises(threads.InvalidCursor):
        registry.list(owner="bob", cursor=cursor)


def test_a_file_whose_key_was_dropped_gets_another_one_when_it_is_repaired(tmp_path):
    path = tmp_path / "t.db"
    with threads.open(path) as registry:
        registry.create(id="a")
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE threads_secret")
    connection.close()
    with threads.open(path) as registry:
        registry.repair()
        with registry._database.read() as connection:
            [[key]] = connection.execute("SELECT key FROM threads_secret").fetchall()
    assert len(key) == KEY_BYTES and key != bytes(KEY_BYTES)


def test_keys_of_two_files_differ(tmp_path):
    keys = set()
    for name in ("a", "b"):
        with threads.open(tmp_path / name) as registry, registry._database.read() as connection:
            keys.add(connection.execute("SELECT key FROM threads_secret").fetchone()[0])
    assert len(keys) == 2

"""The contract of a `ThreadStore`, as tests that any backend can run.

    class TestMyStore(ThreadStoreContract):
        @pytest.fixture
        def store(self):
            return MyStore()

The tests need a `store` that is empty, and pytest.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from threads.errors import InvalidCursor, InvalidThreadId, InvalidValue, ThreadExists, ThreadNotFound
from threads.store.protocol import ThreadStore

REFUSED_IDS = (1, None.__class__, True, b"a", "", "a\nb", "a\0b", "\ud800", "x" * 256, {"id": "a"}, ["a"])
KEPT_APART = ("a", "a ", " a", "A", "å", "a\u030a", "a%", "a_", "a'", 'a"', "👩‍👩‍👧", "x" * 255)
REFUSED_FIELDS: tuple[dict[str, Any], ...] = (
    {"title": ""},
    {"title": 7},
    {"title": "x" * 501},
    {"owner": ""},
    {"owner": 7},
    {"agent_id": "a\nb"},
    {"tags": "spam"},
    {"tags": [""]},
    {"tags": [1]},
    {"metadata": [1]},
    {"metadata": {1: 2}},
    {"metadata": {"now": datetime(2026, 1, 1)}},
    {"metadata": {"x": float("nan")}},
    {"metadata": {"x": "y" * 70_000}},
)
REFUSED_FILTERS: tuple[dict[str, Any], ...] = (
    {"limit": 0},
    {"limit": -1},
    {"limit": 10_000},
    {"limit": "20"},
    {"limit": True},
    {"offset": -1},
    {"sort_by": "colour"},
    {"sort_order": "up"},
    {"status": "happy"},
    {"since": datetime(2026, 1, 1)},
    {"until": "yesterday"},
    {"pinned": 1},
    {"metadata": 3},
    {"tag": 3},
)


class ThreadStoreContract:
    """What every `ThreadStore` does; inherit, and give it a fixture `store`."""

    def test_it_is_a_thread_store(self, store: ThreadStore) -> None:
        assert isinstance(store, ThreadStore)

    def test_a_new_thread_is_found_and_listed(self, store: ThreadStore) -> None:
        made = store.create(
            title="Lamp", agent_id="support", owner="alice", metadata={"case": 7}, tags=["b", "a"]
        )
        assert store.get(made.id) == made
        assert list(store.list()) == [made]
        assert (made.title, made.agent_id, made.owner) == ("Lamp", "support", "alice")
        assert (dict(made.metadata), made.tags) == ({"case": 7}, ("a", "b"))
        assert (made.status, made.message_count, made.last_message) == ("idle", 0, None)

    def test_new_ids_are_unique_and_sort_by_time(self, store: ThreadStore) -> None:
        made = [store.create().id for _ in range(20)]
        assert len(set(made)) == 20
        assert all(len(id) == 36 and id[14] == "7" for id in made)

    def test_before_the_first_message_it_is_a_new_conversation(self, store: ThreadStore) -> None:
        assert store.create().title == "New conversation"

    def test_times_are_utc(self, store: ThreadStore) -> None:
        made = store.create()
        assert made.created_at is not None
        assert made.created_at.tzinfo is UTC

    def test_an_id_that_is_taken_is_refused_or_returned(self, store: ThreadStore) -> None:
        first = store.create(id="a", title="mine")
        with pytest.raises(ThreadExists):
            store.create(id="a", title="yours")
        assert store.create(id="a", title="yours", if_exists="do_nothing") == first

    @pytest.mark.parametrize("id", REFUSED_IDS, ids=repr)
    def test_an_id_that_is_no_proper_text_is_refused(self, store: ThreadStore, id: Any) -> None:
        with pytest.raises(InvalidThreadId):
            store.create(id=id)
        assert len(store.list()) == 0

    def test_ids_that_look_alike_are_kept_apart(self, store: ThreadStore) -> None:
        for id in KEPT_APART:
            store.create(id=id, title=repr(id))
        assert [store.get(id).title for id in KEPT_APART] == [repr(id) for id in KEPT_APART]
        assert store.list(limit=50).total == len(KEPT_APART)

    def test_an_unknown_id_is_not_found_and_near_ones_are_named(self, store: ThreadStore) -> None:
        store.create(id="alice_session")
        for ask in (store.get, store.trash, store.restore, store.delete, store.update):
            with pytest.raises(ThreadNotFound) as caught:
                ask("alice_sesion")
            assert caught.value.suggestions == ("alice_session",)

    def test_what_is_not_given_to_update_stays(self, store: ThreadStore) -> None:
        made = store.create(title="Lamp", owner="alice", tags=["a"], metadata={"k": 1})
        changed = store.update(made.id, pinned=True)
        assert (changed.title, changed.owner, changed.tags, changed.pinned) == ("Lamp", "alice", ("a",), True)
        assert store.update(made.id) == changed

    def test_metadata_merges_by_key_and_none_removes_one(self, store: ThreadStore) -> None:
        made = store.create(metadata={"a": 1, "b": {"x": 1}})
        changed = store.update(made.id, metadata={"a": None, "b": {"y": 2}, "c": [True]})
        assert dict(changed.metadata) == {"b": {"y": 2}, "c": [True]}

    def test_none_takes_title_and_owner_away(self, store: ThreadStore) -> None:
        made = store.create(title="Lamp", owner="alice", agent_id="support")
        changed = store.update(made.id, title=None, owner=None, agent_id=None)
        assert (changed.title, changed.owner, changed.agent_id) == ("New conversation", None, None)

    @pytest.mark.parametrize("change", REFUSED_FIELDS, ids=lambda change: repr(change)[:40])
    def test_a_field_that_cannot_be_is_refused_and_nothing_changes(
        self, store: ThreadStore, change: dict[str, Any]
    ) -> None:
        made = store.create(title="Lamp")
        with pytest.raises(InvalidValue) as caught:
            store.update(made.id, pinned=True, **change)
        assert caught.value.field in change
        with pytest.raises(InvalidValue):
            store.create(**change)
        assert list(store.list()) == [made]

    def test_trash_hides_and_restore_brings_back(self, store: ThreadStore) -> None:
        made = store.create(title="Lamp")
        trashed = store.trash(made.id)
        assert trashed.trashed_at is not None
        assert (list(store.list()), list(store.list(trashed=True))) == ([], [trashed])
        assert store.trash(made.id) == trashed
        assert store.restore(made.id) == made
        assert list(store.list()) == [made]

    def test_delete_erases_and_the_id_can_begin_again(self, store: ThreadStore) -> None:
        store.create(id="a", title="old", tags=["x"])
        store.delete("a")
        with pytest.raises(ThreadNotFound):
            store.get("a")
        assert list(store.list(trashed=None, archived=None)) == []
        assert (store.create(id="a").title, store.get("a").tags) == ("New conversation", ())

    def test_each_filter_narrows_the_list(self, store: ThreadStore) -> None:
        one = store.create(
            id="1", agent_id="support", owner="alice", tags=["x", "y"], metadata={"n": 1, "s": "t"}
        )
        two = store.create(id="2", agent_id="tutor", owner="bob", tags=["y"], metadata={"n": "1"})
        two = store.update(two.id, pinned=True)
        both = {"1", "2"}
        expected: list[tuple[dict[str, Any], set[str]]] = [
            ({"agent_id": "support"}, {"1"}),
            ({"owner": "bob"}, {"2"}),
            ({"tag": "y"}, both),
            ({"tag": ["x", "y"]}, {"1"}),
            ({"tag": "z"}, set()),
            ({"pinned": True}, {"2"}),
            ({"pinned": False}, {"1"}),
            ({"metadata": {"n": 1}}, {"1"}),
            ({"metadata": {"n": "1"}}, {"2"}),
            ({"metadata": {"n": 1, "s": "u"}}, set()),
            ({"status": "idle"}, both),
            ({"status": "error"}, set()),
            ({"since": one.updated_at}, both),
            ({"until": one.updated_at}, set()),
            ({"since": datetime.now(UTC) + timedelta(days=1)}, set()),
            ({"owner": "alice", "agent_id": "tutor"}, set()),
        ]
        for filters, ids in expected:
            found = store.list(**filters)
            assert {thread.id for thread in found} == ids, filters
            assert found.total == len(ids), filters

    def test_archived_threads_are_listed_when_asked_for(self, store: ThreadStore) -> None:
        store.create(id="a")
        store.update("a", archived=True)
        store.create(id="b")
        listed = [[t.id for t in store.list(archived=which)] for which in (False, True, None)]
        assert listed == [["b"], ["a"], ["b", "a"]]

    @pytest.mark.parametrize("filters", REFUSED_FILTERS, ids=repr)
    def test_a_filter_that_cannot_be_is_refused_by_name(
        self, store: ThreadStore, filters: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidValue) as caught:
            store.list(**filters)
        assert caught.value.field in (*filters, "tags")

    @pytest.mark.parametrize("sort_by", ["updated_at", "created_at", "title", "message_count", "thread_id"])
    @pytest.mark.parametrize("sort_order", ["asc", "desc"])
    def test_pages_by_cursor_and_by_offset_hold_each_thread_once(
        self, store: ThreadStore, sort_by: Any, sort_order: Any
    ) -> None:
        for number in range(7):
            store.create(id=f"t{number}", title=f"title {number % 3}")
        whole = [t.id for t in store.list(sort_by=sort_by, sort_order=sort_order)]
        assert len(whole) == 7
        by_cursor, cursor = [], None
        while True:
            page = store.list(sort_by=sort_by, sort_order=sort_order, limit=3, cursor=cursor)
            by_cursor += [t.id for t in page]
            cursor = page.next_cursor
            if cursor is None:
                break
        by_offset = [
            t.id
            for offset in (0, 3, 6)
            for t in store.list(sort_by=sort_by, sort_order=sort_order, limit=3, offset=offset)
        ]
        assert by_cursor == by_offset == whole

    def test_newest_comes_first(self, store: ThreadStore) -> None:
        for id in ("a", "b", "c"):
            store.create(id=id)
        assert [t.id for t in store.list()] == ["c", "b", "a"]

    def test_a_damaged_or_foreign_cursor_is_refused(self, store: ThreadStore) -> None:
        for number in range(3):
            store.create(id=str(number))
        cursor = store.list(limit=1).next_cursor
        assert cursor is not None
        for bad in ("nonsense", "", "e30=", cursor[:-3]):
            with pytest.raises(InvalidCursor):
                store.list(cursor=bad)
        with pytest.raises(InvalidCursor):
            store.list(cursor=cursor, sort_by="title")

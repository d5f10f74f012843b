"""A page neither skips nor repeats a thread while others are active."""

import threading

import pytest
from graphs import config, plain_graph, said
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import threads
from threads.models import Thread

pytestmark = pytest.mark.slow


class Reader(RuleBasedStateMachine):
    """Someone pages through the list while threads are begun, spoken in, trashed and deleted."""

    @initialize(count=st.integers(0, 8))
    def begin(self, count: int) -> None:
        self.registry = threads.open(":memory:")
        self.saver = self.registry.checkpointer
        self.order = [self.registry.create(id=f"t{number}").id for number in range(count)]
        self.start_reading()

    def start_reading(self) -> None:
        self.due: list[str] = []
        self.cursor: str | None = None
        self.begun = self.done = False

    @rule(data=st.data())
    @precondition(lambda self: self.order)
    def speak(self, data) -> None:
        id = data.draw(st.sampled_from(self.order))
        self.saver.put(
            {"configurable": {"thread_id": id, "checkpoint_ns": ""}},
            {"v": 4, "id": f"c{data.draw(st.integers(0, 10**9))}", "ts": "", "channel_values": {},
             "channel_versions": {}, "versions_seen": {}},
            {"source": "input", "step": -1},
            {},
        )  # fmt: skip
        self.order.remove(id)
        self.order.append(id)
        if id in self.due:
            self.due.remove(id)  # it moved to page one, which was read already

    @rule()
    def begin_another(self) -> None:
        self.order.append(self.registry.create().id)

    @rule(data=st.data(), erase=st.booleans())
    @precondition(lambda self: self.order)
    def take_away(self, data, erase: bool) -> None:
        id = data.draw(st.sampled_from(self.order))
        (self.registry.delete if erase else self.registry.trash)(id)
        self.order.remove(id)
        if id in self.due:
            self.due.remove(id)

    @rule(limit=st.integers(1, 3))
    @precondition(lambda self: not self.done)
    def read_a_page(self, limit: int) -> None:
        if not self.begun:
            self.begun, self.due = True, self.order[::-1]
        page = self.registry.list(limit=limit, cursor=self.cursor)
        found = [thread.id for thread in page]
        assert found == self.due[: len(found)], "skipped, repeated or out of order"
        self.due = self.due[len(found) :]
        self.cursor = page.next_cursor
        self.done = self.cursor is None
        if self.done:
            assert self.due == [], "a thread was never shown"

    @rule()
    @precondition(lambda self: self.done)
    def read_again(self) -> None:
        self.start_reading()

    @invariant()
    def page_one_is_what_was_active_last(self) -> None:
        if hasattr(self, "registry"):
            assert [t.id for t in self.registry.list(limit=100)] == self.order[::-1]

    def teardown(self) -> None:
        if hasattr(self, "registry"):
            self.registry.close()


TestReader = Reader.TestCase
TestReader.settings = settings(max_examples=60, stateful_step_count=30)


def test_pages_show_each_idle_thread_once_beside_writers(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        quiet = {registry.create(id=f"quiet {number:03}").id for number in range(120)}
        graph = plain_graph(registry.checkpointer)
        stop = threading.Event()

        def chatter(name: str) -> None:
            while not stop.is_set():
                graph.invoke(said("on and on"), config(name))

        writers = [threading.Thread(target=chatter, args=(f"busy {number}",)) for number in range(3)]
        for writer in writers:
            writer.start()
        seen: list[Thread] = []
        cursor = None
        while True:
            page = registry.list(limit=7, cursor=cursor)
            seen += page
            cursor = page.next_cursor
            if cursor is None:
                break
        stop.set()
        for writer in writers:
            writer.join()
        ids = [thread.id for thread in seen if thread.id in quiet]
        assert sorted(ids) == sorted(quiet)
        assert registry.list().total == 123

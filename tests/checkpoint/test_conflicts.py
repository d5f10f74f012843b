"""Two turns at once: at least one is stored, the other is refused, and nothing acknowledged is lost."""

import asyncio
import logging
import operator
import sqlite3
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypedDict

import aiosqlite
import pytest
from graphs import AIMessage, Plain, compiled, config, plain_graph, said, stock_saver, three_turns
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import Send
from run_helpers import until

import threads
from agent import build_agent

ROUNDS = 30


@pytest.fixture(params=["file", "memory"])
def registry(request: pytest.FixtureRequest, tmp_path: Path):
    with threads.open(tmp_path / "threads.db" if request.param == "file" else ":memory:") as opened:
        yield opened


@pytest.fixture(params=["plain", "ours"])
def graph(request: pytest.FixtureRequest, registry: threads.Registry):
    build = plain_graph if request.param == "plain" else lambda saver: build_agent(checkpointer=saver)
    return build(registry.checkpointer)


async def turns_at_once(graph, id: str, begun: bool) -> list[str]:
    """Three turns at once; returns what was acknowledged."""
    if begun:
        await graph.ainvoke(said("the first"), config(id))
    texts = ["one", "two", "three"]
    done = await asyncio.gather(*(graph.ainvoke(said(t), config(id)) for t in texts), return_exceptions=True)
    assert all(isinstance(result, dict | threads.ThreadMoved) for result in done), done
    return [text for text, result in zip(texts, done, strict=True) if isinstance(result, dict)]


@pytest.mark.slow
@pytest.mark.parametrize("begun", [False, True], ids=["new", "begun"])
def test_no_acknowledged_turn_is_lost_to_another_at_the_same_time(registry, graph, begun):
    for number in range(ROUNDS):
        id = f"t{number}"
        acknowledged = asyncio.run(turns_at_once(graph, id, begun))
        assert acknowledged, "at least one of them succeeds"
        check_kept(registry, id, (["the first"] if begun else []) + acknowledged)


def check_kept(registry: threads.Registry, id: str, acknowledged: list[str]) -> None:
    """Each acknowledged message is there once, and answered; a refused one may have left its question."""
    texts = [message.text for message in registry.messages(id)]
    for text in acknowledged:
        assert texts.count(text) == 1
    assert sum(message.role == "assistant" for message in registry.messages(id)) == len(acknowledged)
    assert registry.get(id).message_count == len(texts)


def test_the_stock_saver_loses_turns_in_the_same_trial(tmp_path):
    """FACTS A1, to show that the trial above can fail."""

    async def trial() -> int:
        lost = 0
        async with aiosqlite.connect(tmp_path / "stock.db") as connection:
            graph = plain_graph(AsyncSqliteSaver(connection))
            for number in range(ROUNDS):
                acknowledged = await turns_at_once(graph, f"t{number}", begun=True)
                texts = [m.text for m in (await graph.aget_state(config(f"t{number}"))).values["messages"]]
                lost += sum(text not in texts for text in acknowledged)
        return lost

    assert asyncio.run(trial()) > 0


def test_turns_from_os_threads_are_not_lost_either(registry, graph):
    def turn(number: int) -> str | None:
        try:
            graph.invoke(said(f"from {number}"), config("a"))
        except threads.ThreadMoved:
            return None
        return f"from {number}"

    with ThreadPoolExecutor(8) as pool:
        acknowledged = [text for text in pool.map(turn, range(40)) if text]
    assert acknowledged
    check_kept(registry, "a", acknowledged)


def test_a_refused_turn_can_be_sent_again_and_sees_what_was_said(registry):
    other = plain_graph(registry.checkpointer)

    def interrupted_by_another(state):
        if len(state["messages"]) == 1:
            meanwhile = threading.Thread(target=other.invoke, args=(said("meanwhile"), config("a")))
            meanwhile.start()
            meanwhile.join()
        return {"messages": [AIMessage(f"I see {len(state['messages'])}")]}

    graph = compiled(Plain, interrupted_by_another, registry.checkpointer)
    with pytest.raises(threads.ThreadMoved, match="send again what is missing"):
        graph.invoke(said("mine"), config("a"), durability="sync")
    answer = graph.invoke(said("mine"), config("a"))["messages"][-1].text
    assert answer == "I see 4"
    assert [m.text for m in registry.messages("a")][-2:] == ["mine", "I see 4"]
    assert registry.verify() == []


# two turns in the same step


def together(state: list, writes: list) -> list:
    return [*(state or []), *(word for write in writes for word in write)]


class Sums(TypedDict):
    log: Annotated[list, DeltaChannel(together)]


class Racing:
    """Two nodes at once, `fast` and `slow`; who goes on there waits at the gates with its name."""

    def __init__(self, registry) -> None:
        self.registry = registry
        self.reached = defaultdict(threading.Event)
        self.opened = defaultdict(threading.Event)
        self.outcomes: dict[str, list[str] | threads.ThreadMoved] = {}
        builder = StateGraph(Sums)
        for name in ("fast", "slow"):
            builder.add_node(name, partial(self.node, name))
            builder.add_edge(START, name)
        self.graph = builder.compile(checkpointer=registry.checkpointer)

    def node(self, name: str, state, config) -> dict[str, list[str]]:
        who = config["metadata"]["who"]
        if who == "crash":
            raise OSError("the model is on fire")
        self.reached[name, who].set()
        assert self.opened[name, who].wait(20)
        return {"log": [f"{name}:{who}"]}

    def say(self, who: str, words: Any, durability: str) -> None:
        try:
            said = self.graph.invoke(words, {**config("a"), "metadata": {"who": who}}, durability=durability)
            self.outcomes[who] = said["log"]
        except threads.ThreadMoved as error:
            self.outcomes[who] = error

    def begin(self, who: str, words: Any, durability: str) -> threading.Thread:
        """Begin a turn, and wait until both of its nodes wait and others can go on there."""
        turn = threading.Thread(target=self.say, args=(who, words, durability))
        turn.start()
        assert self.reached["fast", who].wait(20) and self.reached["slow", who].wait(20)
        until(lambda: self.graph.get_state(config("a")).next == ("fast", "slow"))
        return turn

    def finish(self, name: str, who: str) -> None:
        """Let a node end, and what it says be stored."""
        self.opened[name, who].set()
        until(lambda: self.is_stored(f"{name}:{who}"))

    def is_stored(self, word: str) -> bool:
        self.registry.checkpointer.flush()
        with self.registry._database.read() as connection:
            return any(word.encode() in row[0] for row in connection.execute("SELECT value FROM writes"))


@pytest.mark.parametrize("durability", ["sync", "async"])
@pytest.mark.parametrize("first", ["goes on", "began it"])
def test_what_two_turns_say_in_the_same_step_is_not_mixed(registry, first, durability):
    """Tasks have the same ids in both: what one has stored already would stand for the other's."""
    race = Racing(registry)
    if first == "goes on":
        with pytest.raises(OSError, match="on fire"):
            race.say("crash", {"log": ["hi"]}, durability)
    turns = [race.begin("A", None if first == "goes on" else {"log": ["hi"]}, durability)]
    turns.append(race.begin("B", None, durability))
    race.finish("fast", "A")
    race.opened["fast", "B"].set()
    race.opened["slow", "B"].set()
    turns[1].join(20)
    race.opened["slow", "A"].set()
    turns[0].join(20)
    assert isinstance(race.outcomes["B"], threads.ThreadMoved)
    assert race.outcomes["A"] == ["hi", "fast:A", "slow:A"]
    assert race.graph.get_state(config("a")).values == {"log": race.outcomes["A"]}
    assert registry.verify() == []


@pytest.mark.parametrize("durability", ["sync", "async"])
def test_a_turn_does_not_end_with_what_another_said_in_its_step(registry, durability):
    race = Racing(registry)
    turns = [race.begin(who, words, durability) for who, words in (("A", {"log": ["hi"]}), ("B", None))]
    race.finish("fast", "B")
    race.opened["fast", "A"].set()
    race.opened["slow", "A"].set()
    turns[0].join(20)
    race.opened["slow", "B"].set()
    turns[1].join(20)
    acknowledged = [log for log in race.outcomes.values() if isinstance(log, list)]
    assert all(race.graph.get_state(config("a")).values["log"] == log for log in acknowledged)
    assert isinstance(race.outcomes["A"], threads.ThreadMoved)


@pytest.mark.parametrize("durability", ["sync", "async"])
def test_early_result_of_a_rejected_run_is_not_in_the_state_of_another(registry, durability, caplog):
    """The other run began after its step, and the state of a delta channel is the sum of all writes before."""
    caplog.set_level(logging.INFO)
    race = Racing(registry)
    turn = race.begin("A", {"log": ["hi"]}, durability)
    race.opened["fast", "B"].set()
    race.opened["slow", "B"].set()
    race.say("B", {"log": ["and"]}, durability)
    race.opened["fast", "A"].set()
    until(lambda: race.is_stored("fast:A") or "pending writes rejected" in caplog.text)
    race.opened["slow", "A"].set()
    turn.join(20)
    assert isinstance(race.outcomes["A"], threads.ThreadMoved)
    assert race.outcomes["B"] == ["hi", "and", "fast:B", "slow:B"]
    assert race.graph.get_state(config("a")).values == {"log": race.outcomes["B"]}
    assert registry.verify() == []


def test_a_step_that_a_crash_ended_is_gone_on_with_what_was_stored_of_it(registry):
    race = Racing(registry)
    turn = race.begin("A", {"log": ["hi"]}, "sync")
    race.finish("fast", "A")
    race.opened["fast", "B"].set()
    race.opened["slow", "B"].set()
    race.say("B", None, "sync")
    assert race.outcomes["B"] == ["hi", "fast:A", "slow:B"]
    race.opened["slow", "A"].set()
    turn.join(20)
    assert isinstance(race.outcomes["A"], threads.ThreadMoved)
    assert race.graph.get_state(config("a")).values == {"log": race.outcomes["B"]}


# what subgraphs remember


class Log(TypedDict):
    log: Annotated[list, operator.add]


class Remembering(Log):
    remembered: Annotated[list, operator.add]


def inside(state):
    return {"remembered": state["log"][-1:]}


def remembering_graph(checkpointer, within=lambda word: None, after=lambda word: None):
    """Its subgraph remembers each word; `within` is called in there, `after` when that is over."""
    builder = StateGraph(Remembering)
    builder.add_node("inside", lambda state: within(state["log"][-1]) or inside(state))
    builder.add_edge(START, "inside")
    remembers = builder.compile(checkpointer=True)

    def node(state, config):
        known = remembers.invoke({"log": state["log"][-1:]}, config)["remembered"]
        after(state["log"][-1])
        return {"log": [",".join(known)]}

    outer = StateGraph(Log)
    outer.add_node("node", node)
    outer.add_edge(START, "node")
    return outer.compile(checkpointer=checkpointer)


def once(word: str, act):
    """Calls `act` in a thread of its own, and waits for it, where `word` is said."""

    def hook(said: str) -> None:
        if said == word:
            meanwhile = threading.Thread(target=act)
            meanwhile.start()
            meanwhile.join()

    return hook


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_refused_turn_does_not_replace_what_a_subgraph_remembers_of_another(registry, durability):
    def say(graph, word: str) -> str:
        return graph.invoke({"log": [word]}, config("a"), durability=durability)["log"][-1]

    graph = remembering_graph(registry.checkpointer)
    say(graph, "first")
    told: list[str] = []
    late = remembering_graph(registry.checkpointer, within=once("A", lambda: told.append(say(graph, "B"))))
    with pytest.raises(threads.ThreadMoved):
        say(late, "A")
    registry.checkpointer.flush()
    assert told == ["first,B"]
    assert say(graph, "next") == "first,B,next"
    assert registry.verify() == []


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_what_a_refused_turn_left_in_the_memory_of_a_subgraph_is_taken_back(registry, durability):
    graph = remembering_graph(registry.checkpointer)
    graph.invoke({"log": ["first"]}, config("a"), durability=durability)
    outer = StateGraph(Log)
    outer.add_node("node", lambda state: {"log": ["without a subgraph"]})
    outer.add_edge(START, "node")
    other = outer.compile(checkpointer=registry.checkpointer)
    late = remembering_graph(
        registry.checkpointer, after=once("A", lambda: other.invoke({"log": ["B"]}, config("a")))
    )
    with pytest.raises(threads.ThreadMoved):
        late.invoke({"log": ["A"]}, config("a"), durability=durability)
    registry.checkpointer.flush()
    last = graph.invoke({"log": ["next"]}, config("a"), durability=durability)["log"]
    assert last[-3:] == ["without a subgraph", "next", "first,next"]
    assert registry.verify() == []


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_of_two_turns_in_the_memory_of_a_subgraph_one_goes_on(registry, durability):
    """The other one was refused in there, and says nothing more that could stop the first."""
    graph = remembering_graph(registry.checkpointer)
    graph.invoke({"log": ["first"]}, config("a"), durability=durability)
    before = remembering_graph(registry.checkpointer, within=lambda word: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        before.invoke({"log": ["second"]}, config("a"), durability="sync")
    outcomes: list[object] = []

    def go_on(graph) -> None:
        try:
            outcomes.append(graph.invoke(None, config("a"), durability=durability)["log"][-1])
        except threads.ThreadMoved as error:
            outcomes.append(error.thread_id)

    late = remembering_graph(registry.checkpointer, within=once("second", lambda: go_on(graph)))
    go_on(late)
    registry.checkpointer.flush()
    assert sorted(outcomes) == ["a", "first,second"]
    assert graph.invoke({"log": ["next"]}, config("a"))["log"][-1] == "first,second,next"


def test_tasks_of_one_step_may_share_what_a_subgraph_remembers(registry):
    """As they may with the stock saver, which keeps what came last."""
    builder = StateGraph(Remembering)
    builder.add_node("inside", inside)
    builder.add_edge(START, "inside")
    remembers = builder.compile(checkpointer=True)
    outer = StateGraph(Log)
    outer.add_node("node", lambda state, config: {"log": remembers.invoke(state, config)["remembered"][-1:]})
    outer.add_conditional_edges(START, lambda state: [Send("node", {"log": [n]}) for n in "xyz"], ["node"])
    graph = outer.compile(checkpointer=registry.checkpointer)
    for durability in ("sync", "async", "exit"):
        assert len(graph.invoke({"log": []}, config("a"), durability=durability)["log"]) % 3 == 0


def test_an_update_that_began_at_an_old_head_is_refused(registry, graph):
    three_turns(graph, "a")
    saver = registry.checkpointer
    read = saver.get_tuple(config("a"))
    graph.invoke(said("meanwhile"), config("a"))
    late = dict(read.checkpoint, id="f" + read.checkpoint["id"][1:])
    with pytest.raises(threads.ThreadMoved):
        saver.put(read.config, late, {"source": "update", "step": 9, "parents": {}}, {})
    assert registry.get("a").message_count == 8


def test_a_checkpoint_that_is_named_is_a_branch_and_goes_on_working(registry, graph):
    three_turns(graph, "a")
    states = [s for s in graph.get_state_history(config("a")) if not s.next]
    after_one = next(s for s in states if len(s.values["messages"]) == 2)
    graph.invoke(said("another way"), after_one.config)
    assert [m.text for m in registry.messages("a") if m.role == "user"] == ["message 0 of a", "another way"]
    graph.invoke(said("and on"), config("a"))
    assert registry.get("a").message_count == 6
    latest = graph.update_state(config("a"), {"messages": [AIMessage("x")]})
    graph.invoke(said("from what update_state returned"), latest)
    assert registry.get("a").message_count == 9
    assert registry.verify() == []


def test_a_program_that_puts_checkpoints_by_hand_is_not_hindered(registry):
    saver = registry.checkpointer
    checkpoint = {"v": 4, "ts": "", "channel_values": {}, "channel_versions": {}, "versions_seen": {}}
    for id in ("c1", "c2"):
        at = {"configurable": {"thread_id": "a", "checkpoint_ns": ""}}
        saver.put(at, {**checkpoint, "id": id}, {"source": "input", "step": -1}, {})
    assert saver.get_tuple(config("a")).checkpoint["id"] == "c2"


def test_langgraph_still_tells_its_runs_apart_by_the_key_we_look_for(registry):
    """The private key by which a run's config is known; without it, first turns are not guarded."""
    from threads.langgraph_internals import RUNTIME_KEY

    class Spy(type(registry.checkpointer)):
        def put(self, config, *rest):
            seen.append(RUNTIME_KEY in config["configurable"])
            return super().put(config, *rest)

    seen: list[bool] = []
    registry.checkpointer.__class__ = Spy
    plain_graph(registry.checkpointer).invoke(said("x"), config("a"))
    assert seen == [True, True, True]


def test_another_process_with_the_stock_saver_is_not_guarded(tmp_path):
    """The limit the README names: the stock saver asks nobody."""
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        plain_graph(registry.checkpointer).invoke(said("one"), config("a"))
        saver = stock_saver(path)
        read = saver.get_tuple(config("a"))
        plain_graph(registry.checkpointer).invoke(said("two"), config("a"))
        saver.put(read.config, dict(read.checkpoint, id="f" + read.checkpoint["id"][1:]), {}, {})
        saver.conn.close()
        assert registry.get("a").message_count == 2
        assert sqlite3.connect(path).execute("SELECT count(*) FROM checkpoints").fetchone()[0] == 7

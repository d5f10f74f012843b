"""Many clients, few threads, several processes, some of them killed: what comes of it is a legal history."""

import os
import random

import pytest
from faults import LONG, warm
from histories import Said, clients, faults, logged, plans, send_twice
from run_helpers import effects, texts

import threads

APPENDS = int(os.environ.get("THREADS_TEST_APPENDS", "1000"))
"""Messages of each of the fifty clients of the long test."""
LEGAL = {"a": ["x", "re: x", "y", "re: y"]}
ACKNOWLEDGED = [Said("a", "x", 1, 2), Said("a", "y", 3, 4)]


def test_history_judge_accepts_a_legal_history():
    assert faults(ACKNOWLEDGED, ["x", "y"], LEGAL) == []
    at_once = [Said("a", "y", 1, 4), Said("a", "x", 2, 3)]
    assert faults(at_once, ["x", "y"], LEGAL) == [], "what was said at once may stand in any order"
    assert faults(ACKNOWLEDGED[:1], ["x", "y"], LEGAL) == [], "what was never acknowledged may be there"


@pytest.mark.parametrize(
    ("said", "sent", "found", "fault"),
    [
        (ACKNOWLEDGED, "xy", {"a": ["x", "re: x"]}, "'y' was acknowledged and is missing"),
        (ACKNOWLEDGED, "xy", {}, "missing"),
        (ACKNOWLEDGED, "xy", {"a": ["x", "re: x", "y", "re: y", "y", "re: y"]}, "'y' 2 times"),
        (ACKNOWLEDGED, "xy", {"a": ["y", "re: y", "x", "re: x"]}, "was over before"),
        (ACKNOWLEDGED, "xy", {"a": ["x", "re: x", "y"]}, "'y' is not answered"),
        (ACKNOWLEDGED, "xy", {"a": ["x", "re: y", "y", "re: x"]}, "'x' is not answered"),
        (ACKNOWLEDGED, "x", LEGAL, "nobody sent 'y'"),
        (ACKNOWLEDGED, "xy", {"a": ["x", "re: x"], "b": ["y", "re: y"]}, "missing"),
    ],
)
def test_history_judge_finds_violations(said, sent, found, fault):
    assert any(fault in told for told in faults(said, sent, found))


@pytest.mark.crash
def test_history_of_several_killed_processes_is_legal(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path):
        pass
    each, appends, thread_count, kills = (25, APPENDS, 20, 20) if LONG else (4, 6, 3, 3)
    planned = plans(2, each, appends, thread_count)
    chance = random.Random(5)
    logs = [tmp_path / f"log {number}" for number in range(2)]

    def begun(number):
        process = warm().Process(target=clients, args=(path, logs[number], planned[number]))
        process.start()
        return process

    processes = [begun(number) for number in range(2)]
    for _ in range(kills):
        victim = chance.randrange(2)
        processes[victim].join(chance.uniform(0.5, 12 if LONG else 1.2))
        processes[victim].kill()
        processes[victim].join()
        processes[victim] = begun(victim)
    for process in processes:
        process.join()
        assert process.exitcode == 0
    acknowledged = [said for log in logs for said in logged(log)]
    sent = [text for plan in planned for client in plan for _, text in client]
    assert {said.text for said in acknowledged} == set(sent)
    with threads.open(path) as registry:
        found = {thread.id: texts(registry, thread.id) for thread in registry.list(limit=100)}
        assert faults(acknowledged, sent, found) == []
        assert sum(map(len, found.values())) == 2 * len(sent)
        assert registry.verify() == []


def test_idempotency_key_sent_by_two_processes_gives_one_run(tmp_path):
    path, calls = tmp_path / "threads.db", tmp_path / "calls"
    with threads.open(path):
        pass
    count = 1000 if LONG else 40
    processes = [warm().Process(target=send_twice, args=(path, calls, count)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    with threads.open(path) as registry:
        said = [text for thread in registry.list(limit=20) for text in texts(registry, thread.id)[::2]]
        assert sorted(said) == sorted(f"message {number}" for number in range(count))
        assert registry.verify() == []
    assert len(effects(calls)) == count

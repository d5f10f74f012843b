"""`threads.isolation.audit`: targets, options, reports, and the parts behind them."""

import json
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypedDict

import pytest
from faults import LONG
from graphs import Trimmed, asking_graph, compiled, counter_graph, echo, failing_graph, plain_graph
from isolation_gallery.fake_model import compile_graph, last_text
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.graph.message import add_messages
from langgraph.store.memory import InMemoryStore

import threads
from threads.isolation import audit
from threads.isolation.attacks import ATTACKS, Size
from threads.isolation.canaries import CanaryWords, find_canaries, find_canaries_in_bytes
from threads.isolation.probes import event_texts
from threads.isolation.scenario import TURN_VERBS, Step
from threads.isolation.shrink import minimize_steps

QUICK = ("taking turns", "asyncio")
IN_PROCESS_ATTACKS = [attack.name for attack in ATTACKS if not attack.is_slow]
"""Attacks that start no processes, which would take seconds."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["support", "tutor", "assistant"])
def test_catalog_agents_do_not_leak(name):
    attacks = IN_PROCESS_ATTACKS if LONG else ["taking turns", "asyncio", "failed turns", "forks", "runs"]
    report = audit(f"agent.catalog:build_all[{name}]", seed=1, attacks=attacks, users=2, turns=8)
    assert (report.verdict, report.leaked, report.findings) == ("clean", 0, ())


@pytest.mark.slow
def test_build_agent_does_not_leak_under_any_attack_without_api_key(monkeypatch):
    monkeypatch.delenv("THREADS_MODEL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "would cost money")
    report = audit("agent:build_agent", seed=1, users=2, turns=12)
    assert (report.verdict, report.leaked, report.findings) == ("clean", 0, ())
    assert [tried.attack for tried in report.tried] == [attack.name for attack in ATTACKS]
    assert all(tried.turns >= 12 and not tried.failed for tried in report.tried)
    assert {"rows of the database", "events", "runs"} <= set(report.surfaces)


# targets and options


def test_compiled_graph_is_audited_on_copy():
    saver, store = InMemorySaver(), InMemoryStore()
    made = compile_graph(echo, saver, store=store)
    assert audit(made, attacks=QUICK).clean
    assert made.checkpointer is saver
    assert made.store is store
    assert list(saver.list(None)) == []


@pytest.mark.slow
def test_store_of_compiled_graph_is_probed_and_not_written():
    def remember(state, *, store):
        store.put(("all",), state["messages"][-1].id, {"text": last_text(state)})
        return {"messages": [AIMessage(" ".join(each.value["text"] for each in store.search(("all",))))]}

    own = InMemoryStore()
    report = audit(compile_graph(remember, InMemorySaver(), store=own), attacks=QUICK)
    assert [finding.mistake for finding in report.findings] == ["shared-store"]
    assert own.list_namespaces() == []


def test_graph_without_checkpointer_gets_one_and_note_in_report():
    report = audit(compile_graph(echo), attacks=QUICK)
    assert report.clean
    assert "without a checkpointer" in " ".join(report.notes)


@dataclass
class Mood:
    words: str


class Moody(TypedDict):
    mood: Mood
    messages: Annotated[list, add_messages]


@entrypoint()
def functional(text: str) -> str:
    return f"you said {text}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "factory",
    [
        plain_graph,
        asking_graph,
        lambda checkpointer: compiled(Trimmed, lambda state: {"messages": [AIMessage("ok")]}, checkpointer),
        lambda checkpointer: compiled(Moody, lambda state: {"mood": Mood(last_text(state))}, checkpointer),
        lambda checkpointer: functional.copy(update={"checkpointer": checkpointer}),
    ],
    ids=["messages", "has an interrupt", "own reducer", "own types", "functional"],
)
def test_graphs_of_all_kinds_are_audited(factory):
    report = audit(factory, attacks=[*QUICK, "failed turns", "forks", "runs"], users=2, turns=8, seed=2)
    assert (report.verdict, report.findings) == ("clean", ())
    assert [tried.failed for tried in report.tried] == [0, 0, 0, 0, 0]


def test_state_without_messages_is_filled_by_its_types():
    assert audit(counter_graph, attacks=QUICK).turns > 0


def test_input_is_a_state_key_or_a_function():
    class Two(TypedDict):
        first: Annotated[list, add_messages]
        second: Annotated[list, add_messages]

    seen = []

    def answer(state):
        seen.append(state["second"])
        return {"second": [AIMessage("ok")]}

    assert audit(
        lambda checkpointer: compiled(Two, answer, checkpointer), input="second", attacks=QUICK
    ).clean
    assert "code word" in seen[0][-1].text
    assert audit(
        lambda checkpointer: compiled(Two, answer, checkpointer),
        input=lambda text: {"second": [HumanMessage(f"whole {text}")]},
        attacks=QUICK,
    ).clean
    assert seen[-1][-1].text.startswith("whole ")


class Application:
    """An application as an object, and a method that leaks."""

    def __init__(self):
        self.messages = {}

    async def __call__(self, user, text):
        self.messages.setdefault(user, []).append(text)
        return " ".join(self.messages[user])

    def leak(self, user, text):
        self.messages.setdefault("", []).append(text)
        return " ".join(self.messages[""])


def test_application_can_be_an_object_or_a_method():
    assert audit(Application(), attacks=QUICK).clean
    report = audit(Application().leak, attacks=QUICK)
    assert [finding.mistake for finding in report.findings] == ["closure-memory"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("nowhere", "not of the form module:name"),
        ("no_such_module:build", "there is no module"),
        ("json:nothing", "has no 'nothing'"),
        ("agent.catalog:build_all", "which: module:name"),
        (7, "neither a graph nor a function"),
        (lambda one, two, three: "", "neither a factory"),
        (lambda: "text", "not a compiled graph"),
        (failing_graph, "answers nothing: RuntimeError: the model is on fire"),
    ],
)
def test_invalid_target_raises_invalid_value_with_reason(target, reason):
    with pytest.raises(threads.InvalidValue, match=reason):
        audit(target)


def test_unknown_attack_raises_invalid_value_with_known_names():
    with pytest.raises(threads.InvalidValue, match="taking turns, equal messages"):
        audit(plain_graph, attacks=["telepathy"])


def test_process_attack_is_skipped_if_target_cannot_be_imported():
    report = audit(lambda checkpointer: plain_graph(checkpointer), attacks=["processes", *QUICK])
    assert [tried.turns > 0 for tried in report.tried] == [True, True, False]
    assert "cannot import" in report.tried[-1].skipped


# reports


def test_same_seed_sends_same_words():
    def messages_sent(seed):
        sent = []

        def chat(user, text):
            sent.append((user, text))
            return text

        audit(chat, seed=seed, attacks=["taking turns"])
        return sent

    assert messages_sent(4) == messages_sent(4)
    assert messages_sent(4) != messages_sent(5)


@pytest.mark.slow
def test_replay_of_a_leak_does_not_depend_on_other_attacks():
    spec = "isolation_gallery.leaks:closure_memory"
    alone = audit(spec, seed=3, attacks=["taking turns"], users=2).findings[0].replay
    [among_others] = audit(spec, seed=3, attacks=["asyncio", "taking turns"], users=2).findings
    assert among_others.replay == alone
    assert among_others.attacks == ("taking turns", "asyncio")


def test_report_names_owner_reader_surface_and_remedy():
    report = audit("isolation_gallery.leaks:constant_thread_id", seed=8, attacks=["taking turns"])
    text = str(report)
    for part in ("constant-thread-id", "'alice-", "-> 'bob-", "replies", "remedy:", "the fewest steps"):
        assert part in text
    data = json.loads(json.dumps(report.as_dict()))
    assert data["verdict"] == "leaks"
    assert data["findings"][0]["replay"]["code"].startswith("# threads audit ")


def test_progress_is_called_for_each_attack():
    calls = []
    audit(plain_graph, attacks=QUICK, progress=lambda *each: calls.append(each))
    assert calls[0] == ("getting to know the agent", 0, 3)
    assert calls[-1] == ("done", 3, 3)
    assert [name for name, _, _ in calls[1:-1]] == list(QUICK)


def test_users_and_turns_options_set_their_number():
    users = set()

    def chat(user, text):
        users.add(user)
        return text

    report = audit(chat, users=6, turns=30, attacks=["taking turns"])
    assert report.turns == 30
    assert len(users) == 6 + 1  # and the user of the memory check


@pytest.mark.slow
def test_audit_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    audit(plain_graph, attacks=QUICK)
    audit(
        "isolation_gallery.leaks:module_level_list",
        attacks=["taking turns", "kills"],
        users=2,
        turns=8,
        processes=1,
    )
    assert list(tmp_path.iterdir()) == []


def test_isolation_package_does_not_import_langgraph():
    code = "import sys, threads.isolation, threads.isolation.plugin; print([n for n in sys.modules if n.split('.')[0] in ('langgraph', 'langchain_core')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# parts


def test_canaries_are_unique_and_found_in_any_case_and_in_blobs():
    words = CanaryWords(1)
    drawn = [words.draw() for _ in range(2000)]
    assert len(set(drawn)) == 2000
    word = drawn[0]
    assert set(find_canaries(f"so it is {word.upper()}, or{word}s")) == {word}
    assert set(find_canaries_in_bytes(b"\x00\xff" + word.encode() + b"\x93")) == {word}
    assert find_canaries("Zuquff, azuqu and zucchini") == {}


def test_canary_split_between_token_events_is_found():
    word = CanaryWords(1).draw()
    tokens = [(f"It is {word[:5]}", "m1"), ("Hello", "m2"), (f"{word[5:]}.", "m1")]
    now = datetime.now(UTC)
    events = [
        threads.Event("t", number, number, "token", "run", {"message_id": message_id, "text": text}, now)
        for number, (text, message_id) in enumerate(tokens, 1)
    ]
    texts = list(event_texts(events))
    assert all(find_canaries(text) == {} for text in texts[:-2])
    assert find_canaries(texts[-2]) == {word: f"It is {word}."}
    assert texts[-1] == "Hello"


def test_minimize_steps_returns_needed_steps_and_stops_out_of_time():
    needed = {3, 17, 40}
    tried = []

    def shows(steps):
        tried.append(steps)
        return needed <= set(steps)

    assert minimize_steps(range(50), shows, lambda: True) == (3, 17, 40)
    assert len(tried) < 150
    assert minimize_steps(range(50), shows, lambda: False) == tuple(range(50))


def test_minimize_steps_finds_any_set_of_needed_steps():
    chance = random.Random(7)
    for _ in range(50):
        total = chance.randrange(1, 30)
        needed = set(chance.sample(range(total), chance.randrange(1, total + 1)))
        assert (
            set(minimize_steps(range(total), lambda steps, needed=needed: needed <= set(steps), lambda: True))
            == needed
        )


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_every_attack_makes_a_scenario_of_any_size(attack):
    for size in (Size(2, 2, 2), Size(4, 24, 2), Size(30, 300, 4)):
        scenario = attack.make_scenario(size)
        assert {step.speaker for step in scenario.steps} <= set(range(len(scenario.users)))
        assert sum(step.verb in TURN_VERBS for step in scenario.steps) >= size.turns
        assert all(isinstance(step, Step) for batch in scenario.batches() for step in batch)

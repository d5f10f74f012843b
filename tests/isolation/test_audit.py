"""The audit itself: what it takes, what it says, and that it leaves nothing behind."""

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
IN_THE_PROCESS = [attack.name for attack in ATTACKS if not attack.is_slow]
"""All that begin no processes, which would take seconds."""


@pytest.mark.parametrize("name", ["support", "tutor", "assistant"])
def test_the_agents_that_come_along_leak_nothing(name):
    attacks = IN_THE_PROCESS if LONG else ["taking turns", "asyncio", "failed turns", "forks", "runs"]
    report = audit(f"agent.catalog:build_all[{name}]", seed=1, attacks=attacks, users=2, turns=8)
    assert (report.verdict, report.leaked, report.findings) == ("clean", 0, ())


def test_build_agent_leaks_nothing_under_any_attack_and_needs_no_key_for_it(monkeypatch):
    monkeypatch.delenv("THREADS_MODEL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "would cost money")
    report = audit("agent:build_agent", seed=1, users=2, turns=12)
    assert (report.verdict, report.leaked, report.findings) == ("clean", 0, ())
    assert [tried.attack for tried in report.tried] == [attack.name for attack in ATTACKS]
    assert all(tried.turns >= 12 and not tried.failed for tried in report.tried)
    assert {"rows of the database", "events", "runs"} <= set(report.surfaces)


# what it takes


def test_a_compiled_graph_is_audited_on_a_copy_and_stays_as_it_is():
    saver, store = InMemorySaver(), InMemoryStore()
    made = compile_graph(echo, saver, store=store)
    assert audit(made, attacks=QUICK).clean
    assert made.checkpointer is saver
    assert made.store is store
    assert list(saver.list(None)) == []


def test_a_store_that_a_compiled_graph_brings_is_watched_and_not_filled():
    def remember(state, *, store):
        store.put(("all",), state["messages"][-1].id, {"text": last_text(state)})
        return {"messages": [AIMessage(" ".join(each.value["text"] for each in store.search(("all",))))]}

    own = InMemoryStore()
    report = audit(compile_graph(remember, InMemorySaver(), store=own), attacks=QUICK)
    assert [finding.mistake for finding in report.findings] == ["shared-store"]
    assert own.list_namespaces() == []


def test_a_graph_without_a_checkpointer_is_tried_with_one_and_this_is_said():
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


@pytest.mark.parametrize(
    "factory",
    [
        plain_graph,
        asking_graph,
        lambda checkpointer: compiled(Trimmed, lambda state: {"messages": [AIMessage("ok")]}, checkpointer),
        lambda checkpointer: compiled(Moody, lambda state: {"mood": Mood(last_text(state))}, checkpointer),
        lambda checkpointer: functional.copy(update={"checkpointer": checkpointer}),
    ],
    ids=["messages", "asks a person", "own reducer", "own types", "functional"],
)
def test_graphs_of_all_kinds_can_be_audited(factory):
    report = audit(factory, attacks=[*QUICK, "failed turns", "forks", "runs"], users=2, turns=8, seed=2)
    assert (report.verdict, report.findings) == ("clean", ())
    assert [tried.failed for tried in report.tried] == [0, 0, 0, 0, 0]


def test_a_state_that_has_no_messages_is_filled_as_its_types_say():
    assert audit(counter_graph, attacks=QUICK).turns > 0


def test_the_key_of_the_state_or_the_whole_input_can_be_said():
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


class Desk:
    """An application as an object."""

    def __init__(self):
        self.told = {}

    async def __call__(self, user, text):
        self.told.setdefault(user, []).append(text)
        return " ".join(self.told[user])

    def mixed(self, user, text):
        self.told.setdefault("", []).append(text)
        return " ".join(self.told[""])


def test_an_application_that_is_an_object_or_a_method_can_be_audited():
    assert audit(Desk(), attacks=QUICK).clean
    report = audit(Desk().mixed, attacks=QUICK)
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
def test_what_cannot_be_audited_is_refused_with_the_reason(target, reason):
    with pytest.raises(threads.InvalidValue, match=reason):
        audit(target)


def test_an_attack_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(threads.InvalidValue, match="taking turns, equal messages"):
        audit(plain_graph, attacks=["telepathy"])


def test_a_target_that_other_processes_cannot_import_is_tried_without_them():
    report = audit(lambda checkpointer: plain_graph(checkpointer), attacks=["processes", *QUICK])
    assert [tried.turns > 0 for tried in report.tried] == [True, True, False]
    assert "cannot import" in report.tried[-1].skipped


# what it says


def test_the_same_seed_says_the_same_words():
    def heard(seed):
        said = []

        def chat(user, text):
            said.append((user, text))
            return text

        audit(chat, seed=seed, attacks=["taking turns"])
        return said

    assert heard(4) == heard(4)
    assert heard(4) != heard(5)


def test_a_leak_is_told_with_the_same_words_each_time_whatever_else_is_tried():
    spec = "isolation_gallery.leaks:closure_memory"
    alone = audit(spec, seed=3, attacks=["taking turns"], users=2).findings[0].replay
    [among_others] = audit(spec, seed=3, attacks=["asyncio", "taking turns"], users=2).findings
    assert among_others.replay == alone
    assert among_others.attacks == ("taking turns", "asyncio")


def test_a_report_tells_who_leaked_to_whom_where_and_how_to_mend_it():
    report = audit("isolation_gallery.leaks:constant_thread_id", seed=8, attacks=["taking turns"])
    text = str(report)
    for part in ("constant-thread-id", "'alice-", "-> 'bob-", "replies", "remedy:", "the fewest steps"):
        assert part in text
    data = json.loads(json.dumps(report.as_dict()))
    assert data["verdict"] == "leaks"
    assert data["findings"][0]["replay"]["code"].startswith("# threads audit ")


def test_progress_is_told_from_nothing_to_all():
    told = []
    audit(plain_graph, attacks=QUICK, progress=lambda *each: told.append(each))
    assert told[0] == ("getting to know the agent", 0, 3)
    assert told[-1] == ("done", 3, 3)
    assert [name for name, _, _ in told[1:-1]] == list(QUICK)


def test_users_and_turns_are_as_many_as_asked_for():
    users = set()

    def chat(user, text):
        users.add(user)
        return text

    report = audit(chat, users=6, turns=30, attacks=["taking turns"])
    assert report.turns == 30
    assert len(users) == 6 + 1  # and the one that gets to know the agent


def test_nothing_stays_on_the_disk(tmp_path, monkeypatch):
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


def test_the_first_page_of_the_audit_loads_no_langgraph():
    code = "import sys, threads.isolation, threads.isolation.plugin; print([n for n in sys.modules if n.split('.')[0] in ('langgraph', 'langchain_core')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# its parts


def test_a_word_is_found_in_any_case_and_in_blobs_and_no_word_is_drawn_twice():
    words = CanaryWords(1)
    drawn = [words.draw() for _ in range(2000)]
    assert len(set(drawn)) == 2000
    word = drawn[0]
    assert set(find_canaries(f"so it is {word.upper()}, or{word}s")) == {word}
    assert set(find_canaries_in_bytes(b"\x00\xff" + word.encode() + b"\x93")) == {word}
    assert find_canaries("Zuquff, azuqu and zucchini") == {}


def test_a_word_split_between_two_token_events_is_found():
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


def test_the_fewest_steps_are_those_that_are_needed():
    needed = {3, 17, 40}
    asked = []

    def shows(steps):
        asked.append(steps)
        return needed <= set(steps)

    assert minimize_steps(range(50), shows, lambda: True) == (3, 17, 40)
    assert len(asked) < 150
    assert minimize_steps(range(50), shows, lambda: False) == tuple(range(50))


def test_fewest_steps_keep_showing_it_whatever_is_needed():
    chance = random.Random(7)
    for _ in range(50):
        total = chance.randrange(1, 30)
        needed = set(chance.sample(range(total), chance.randrange(1, total + 1)))
        assert (
            set(minimize_steps(range(total), lambda steps, needed=needed: needed <= set(steps), lambda: True))
            == needed
        )


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_every_attack_makes_a_script_of_any_size(attack):
    for size in (Size(2, 2, 2), Size(4, 24, 2), Size(30, 300, 4)):
        scenario = attack.make_scenario(size)
        assert {step.speaker for step in scenario.steps} <= set(range(len(scenario.users)))
        assert sum(step.verb in TURN_VERBS for step in scenario.steps) >= size.turns
        assert all(isinstance(step, Step) for batch in scenario.batches() for step in batch)

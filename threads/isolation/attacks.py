"""The attacks: ways in which users share one agent. A new attack is one line in `ATTACKS`.

Each makes a scenario for a given number of users and turns. User names contain a canary word too, because
an agent may leak a name that was in no message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count

from threads.isolation.scenario import Mode, Scenario, ScenarioUser, Step, Verb

FIRST_NAMES = ("alice", "bob", "carol", "david", "emma", "frank", "grace", "henry")
LONG_ID = "{nonce}" + "-long" * 40
"""The common beginning of two ids that differ in their last character only."""
SIMILAR_IDS = (
    "Anna {nonce}", "anna {nonce}", "ANNA {nonce}", "Anna  {nonce}", "Anna {nonce} ", " Anna {nonce}",
    "Anna {nonce}a", "Anna M {nonce}", "Anna-{nonce}", "Anna_{nonce}", "Anna%{nonce}",
    "Anna.{nonce}@a.example", "Anna.{nonce}@b.example",
    "\N{LATIN CAPITAL LETTER A WITH DIAERESIS}nna {nonce}", "A\N{COMBINING DIAERESIS}nna {nonce}",
    "Anna\N{ZERO WIDTH SPACE} {nonce}", "{nonce}/1", "{nonce}/01", "{nonce}:1", "{nonce}:None",
    "{nonce}:True",
    f"{LONG_ID}1", f"{LONG_ID}2", "\N{FULLWIDTH LATIN CAPITAL LETTER A}nna {nonce}",
)  # fmt: skip
"""Ids that become equal where a key is cut, folded or trimmed; the mistake is `id-from-name`."""
RUNNERS = 2


@dataclass(frozen=True)
class Size:
    """The size of one attack."""

    users: int = 4
    turns: int = 24
    processes: int = 2


@dataclass(frozen=True)
class Attack:
    """A way to play many users against an agent. `what` describes it for people."""

    name: str
    what: str
    make_scenario: Callable[[Size], Scenario]
    only_graphs: bool = False
    """Whether it needs a graph: an application keeps its own state."""
    is_slow: bool = False
    """Whether it starts processes, which takes seconds."""


def _users(number: int) -> tuple[ScenarioUser, ...]:
    names = (FIRST_NAMES[index] if index < len(FIRST_NAMES) else f"user{index}" for index in range(number))
    return tuple(ScenarioUser(f"{name}-{{word}}") for name in names)


def _rounds(users: int, turns: int, verbs: tuple[Verb, ...] = (Verb.TELL, Verb.ASK)) -> Iterator[Step]:
    """Yield steps round by round: all users take the same step. Each round is a batch."""
    for number in count():
        for speaker in range(users):
            if number * users + speaker >= turns:
                return
            yield Step(verbs[number % len(verbs)], speaker, batch=number)


def _in_rounds(
    size: Size, mode: Mode = Mode.IN_TURN, verbs: tuple[Verb, ...] = (Verb.TELL, Verb.ASK)
) -> Scenario:
    turns = max(size.turns, 2 * size.users)
    return Scenario(_users(size.users), tuple(_rounds(size.users, turns, verbs)), mode, size.processes)


def _taking_turns(size: Size) -> Scenario:
    return _in_rounds(size)


def _equal_messages(size: Size) -> Scenario:
    return _in_rounds(size, verbs=(Verb.GREET, Verb.TELL, Verb.ASK, Verb.GREET))


def _similar_ids(size: Size) -> Scenario:
    users = tuple(map(ScenarioUser, SIMILAR_IDS))
    return Scenario(users, tuple(_rounds(len(users), max(2 * len(users), size.turns))))


def _concurrent(mode: Mode) -> Callable[[Size], Scenario]:
    return lambda size: _in_rounds(size, mode)


def _failed_turns(size: Size) -> Scenario:
    """Each failing turn fails at another point: before or after a node, before or after the model."""
    scenario, point = _in_rounds(size, verbs=(Verb.TELL, Verb.FAIL, Verb.ASK)), count()
    steps = (
        replace(step, failure_point=next(point)) if step.verb == Verb.FAIL else step
        for step in scenario.steps
    )
    return scenario.with_steps(tuple(steps))


def _restarts(size: Size) -> Scenario:
    rounds = list(_in_rounds(size).steps)
    half = len(rounds) // 2
    return Scenario(_users(size.users), (*rounds[:half], Step(Verb.RESTART, 0, batch=-1), *rounds[half:]))


def _deletes(size: Size) -> Scenario:
    """The threads of half of the users are deleted, and a new user gets each of their ids."""
    users = _users(size.users)
    heirs = tuple(ScenarioUser(f"heir{index}-{{word}}", thread_of=index) for index in range(0, size.users, 2))
    steps = list(_rounds(size.users, max(2 * size.users, size.turns - 4 * len(heirs))))
    for number, heir in enumerate(heirs, len(users)):
        assert heir.thread_of is not None
        steps += [Step(Verb.DELETE, heir.thread_of), Step(Verb.ASK, number), Step(Verb.TELL, number)]
        steps += [Step(Verb.ASK, (heir.thread_of + 1) % len(users)), Step(Verb.ASK, number)]
    return Scenario((*users, *heirs), tuple(steps))


def _forks(size: Size) -> Scenario:
    """Each user's thread is forked; both threads go on and must not share later words."""
    users = _users(size.users)
    steps = list(_rounds(size.users, max(2 * size.users, size.turns - 4 * size.users)))
    for speaker in range(size.users):
        fork = size.users + speaker
        steps += [Step(Verb.FORK, fork, source=speaker), Step(Verb.TELL, speaker), Step(Verb.TELL, fork)]
        steps += [Step(Verb.ASK, fork), Step(Verb.ASK, speaker)]
    return Scenario((*users, *(ScenarioUser(f"{user.name}-fork") for user in users)), tuple(steps))


def _kills(size: Size) -> Scenario:
    """Each process is killed during a turn after its first turns; a new one replaces it."""
    users = max(size.users, size.processes)
    steps = list(_rounds(users, max(size.turns, 4 * users)))
    before_kill = 2 * users
    steps[before_kill:before_kill] = [Step(Verb.KILL, process) for process in range(size.processes)]
    return Scenario(_users(users), tuple(steps), Mode.PROCESSES, size.processes)


def _runs(size: Size) -> Scenario:
    """Each thread gets two messages at once and a run of each kind; then one is forked and one deleted."""
    rounds: tuple[tuple[Verb, ...], ...]
    rounds = (
        (Verb.TELL, Verb.ASK),
        (Verb.RESEND,),
        (Verb.FAIL,),
        (Verb.RETRY,),
        (Verb.EDIT,),
        (Verb.STOP,),
        (Verb.ASK,),
    )
    users, speakers = _users(size.users), range(size.users)
    repetitions = range(-(-size.turns // (size.users * sum(map(len, rounds)))))
    fork, heir = size.users, size.users + 1
    batches = [
        [Step(verb, speaker) for speaker in speakers for verb in verbs]
        for _ in repetitions
        for verbs in rounds
    ]
    batches += [[Step(Verb.FORK, fork)], [Step(Verb.TELL, 0), Step(Verb.TELL, fork)], [Step(Verb.ASK, fork)]]
    batches += [
        [Step(Verb.DELETE, 1)],
        [Step(Verb.GREET, heir)],
        [Step(Verb.TELL, heir), Step(Verb.ASK, heir)],
    ]
    steps = tuple(replace(step, batch=number) for number, batch in enumerate(batches) for step in batch)
    new = (ScenarioUser(f"{users[0].name}-fork"), ScenarioUser("heir-{word}", thread_of=1))
    return Scenario((*users, *new), steps, Mode.OS_THREADS, runners=RUNNERS)


ATTACKS = (
    Attack("taking turns", "users speak in turn, each tells a word and asks for it", _taking_turns),
    Attack("equal messages", "users send the very same messages", _equal_messages),
    Attack("near ids", "ids that look alike: case, blanks, accents, None, 1 and 01", _similar_ids),
    Attack("asyncio", "users speak at once, as tasks of one event loop", _concurrent(Mode.ASYNCIO)),
    Attack("OS threads", "users speak at once, each in an OS thread", _concurrent(Mode.OS_THREADS)),
    Attack("failed turns", "turns fail half way, and users go on", _failed_turns),
    Attack("restarts", "the agent is built again on the same database", _restarts, only_graphs=True),
    Attack(
        "deletes and reused ids",
        "threads are deleted, and others speak under their ids",
        _deletes,
        only_graphs=True,
    ),
    Attack("forks", "threads are forked, and both go on", _forks, only_graphs=True),
    Attack(
        "runs",
        "runs of two runners at once: queued, failed, retried, edited, stopped, asked for twice",
        _runs,
        only_graphs=True,
    ),
    Attack("processes", "processes serve users at once", _concurrent(Mode.PROCESSES), is_slow=True),
    Attack("kills", "processes are killed half way through a turn", _kills, is_slow=True),
)
"""In the order in which they are tried."""

"""The attacks: ways in which users come together at one agent. A new attack is one line in `ATTACKS`.

Each makes scripts for as many users and turns as are asked for. Names of users hold a canary word too,
since an agent may tell it without having been told it in a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count

from threads.isolation.scenario import Mode, Script, Step, User, Verb

FIRST_NAMES = ("alice", "bob", "carol", "david", "emma", "frank", "grace", "henry")
LONG = "{run}" + "-long" * 40
"""What is left of an id that was cut short."""
NEAR = (
    "Anna {run}", "anna {run}", "ANNA {run}", "Anna  {run}", "Anna {run} ", " Anna {run}", "Anna {run}a",
    "Anna M {run}", "Anna-{run}", "Anna_{run}", "Anna%{run}", "Anna.{run}@a.example", "Anna.{run}@b.example",
    "\N{LATIN CAPITAL LETTER A WITH DIAERESIS}nna {run}", "A\N{COMBINING DIAERESIS}nna {run}",
    "Anna\N{ZERO WIDTH SPACE} {run}", "{run}/1", "{run}/01", "{run}:1", "{run}:None", "{run}:True",
    f"{LONG}1", f"{LONG}2", "\N{FULLWIDTH LATIN CAPITAL LETTER A}nna {run}",
)  # fmt: skip
"""Ids that a careless key takes for one another: FACTS of such agents are in `mistakes`."""
RUNNERS = 2


@dataclass(frozen=True)
class Size:
    """How much is tried in one attack."""

    users: int = 4
    turns: int = 24
    processes: int = 2


@dataclass(frozen=True)
class Attack:
    """`what` says it in words; `only_graphs`: an application cannot be told to do it."""

    name: str
    what: str
    script: Callable[[Size], Script]
    only_graphs: bool = False
    is_slow: bool = False
    """Whether it begins processes, and so takes seconds."""


def _people(number: int) -> tuple[User, ...]:
    names = (FIRST_NAMES[place] if place < len(FIRST_NAMES) else f"user{place}" for place in range(number))
    return tuple(User(f"{name}-{{word}}") for name in names)


def _rounds(users: int, turns: int, verbs: tuple[Verb, ...] = ("tell", "ask")) -> Iterator[Step]:
    """Everybody does the same before anybody goes on; one number for each round."""
    for number in count():
        for who in range(users):
            if number * users + who >= turns:
                return
            yield Step(verbs[number % len(verbs)], who, at=number)


def _script(size: Size, mode: Mode = "in turn", verbs: tuple[Verb, ...] = ("tell", "ask")) -> Script:
    turns = max(size.turns, 2 * size.users)
    return Script(_people(size.users), tuple(_rounds(size.users, turns, verbs)), mode, size.processes)


def _taking_turns(size: Size) -> Script:
    return _script(size)


def _equal_messages(size: Size) -> Script:
    return _script(size, verbs=("greet", "tell", "ask", "greet"))


def _near_ids(size: Size) -> Script:
    users = tuple(map(User, NEAR))
    return Script(users, tuple(_rounds(len(users), max(2 * len(users), size.turns))))


def _at_once(mode: Mode) -> Callable[[Size], Script]:
    return lambda size: _script(size, mode)


def _failed_turns(size: Size) -> Script:
    """Each turn that fails does so at another point: before or after a node, before or after the model."""
    script, point = _script(size, verbs=("tell", "fail", "ask")), count()
    steps = (replace(step, point=next(point)) if step.verb == "fail" else step for step in script.steps)
    return script.only(tuple(steps))


def _restarts(size: Size) -> Script:
    rounds = list(_script(size).steps)
    half = len(rounds) // 2
    return Script(_people(size.users), (*rounds[:half], Step("restart", 0, at=-1), *rounds[half:]))


def _deletes(size: Size) -> Script:
    """Half of the users are deleted; somebody new comes to each of their threads."""
    old = _people(size.users)
    heirs = tuple(User(f"heir{who}-{{word}}", thread_of=who) for who in range(0, size.users, 2))
    steps = list(_rounds(size.users, max(2 * size.users, size.turns - 4 * len(heirs))))
    for number, heir in enumerate(heirs, len(old)):
        assert heir.thread_of is not None
        steps += [Step("delete", heir.thread_of), Step("ask", number), Step("tell", number)]
        steps += [Step("ask", (heir.thread_of + 1) % len(old)), Step("ask", number)]
    return Script((*old, *heirs), tuple(steps))


def _forks(size: Size) -> Script:
    """Each user's thread is forked; then the two go on, and neither may know of the other."""
    old = _people(size.users)
    steps = list(_rounds(size.users, max(2 * size.users, size.turns - 4 * size.users)))
    for who in range(size.users):
        twin = size.users + who
        steps += [Step("fork", twin, source=who), Step("tell", who), Step("tell", twin)]
        steps += [Step("ask", twin), Step("ask", who)]
    return Script((*old, *(User(f"{user.name}-fork") for user in old)), tuple(steps))


def _kills(size: Size) -> Script:
    """After each process' first turns it is killed in the midst of one; another goes on in its place."""
    users = max(size.users, size.processes)
    steps = list(_rounds(users, max(size.turns, 4 * users)))
    place = 2 * users
    killed = [Step("kill", process) for process in range(size.processes)]
    return Script(_people(users), (*steps[:place], *killed, *steps[place:]), "processes", size.processes)


def _runs(size: Size) -> Script:
    """Each thread has two messages at once, and a run of each kind; then one is forked and one deleted."""
    rounds: tuple[tuple[Verb, ...], ...]
    rounds = (("tell", "ask"), ("again",), ("fail",), ("retry",), ("edit",), ("stop",), ("ask",))
    people, old = _people(size.users), range(size.users)
    lives = range(-(-size.turns // (size.users * sum(map(len, rounds)))))
    twin, heir = size.users, size.users + 1
    batches = [[Step(verb, who) for who in old for verb in verbs] for _ in lives for verbs in rounds]
    batches += [[Step("fork", twin)], [Step("tell", 0), Step("tell", twin)], [Step("ask", twin)]]
    batches += [[Step("delete", 1)], [Step("greet", heir)], [Step("tell", heir), Step("ask", heir)]]
    steps = tuple(replace(step, at=number) for number, batch in enumerate(batches) for step in batch)
    new = (User(f"{people[0].name}-fork"), User("heir-{word}", thread_of=1))
    return Script((*people, *new), steps, "OS threads", runners=RUNNERS)


ATTACKS = (
    Attack("taking turns", "users speak in turn, each tells a word and asks for it", _taking_turns),
    Attack("equal messages", "users send the very same messages", _equal_messages),
    Attack("near ids", "ids that look alike: case, blanks, accents, None, 1 and 01", _near_ids),
    Attack("asyncio", "users speak at once, as tasks of one event loop", _at_once("asyncio")),
    Attack("OS threads", "users speak at once, each in an OS thread", _at_once("OS threads")),
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
    Attack("processes", "processes serve users at once", _at_once("processes"), is_slow=True),
    Attack("kills", "processes are killed half way through a turn", _kills, is_slow=True),
)
"""In the order in which they are tried."""

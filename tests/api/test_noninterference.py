"""Noninterference: responses to one user do not depend on the data of other users."""

import base64
import inspect
import json
from dataclasses import replace

import pytest
from faults import LONG
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from noninterference import (
    CALLS,
    SETTERS,
    UNLIMITED,
    DatabasePair,
    NextPage,
    assert_same,
    calls,
    http_views,
    openapi,
    python_views,
    reply_graph,
    requests,
)
from server_helpers import PREFIX, bearer, client

import threads

STEPS = 40
EXAMPLES = 500 if LONG else 50
"""Of so many steps each."""
FUZZ = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def databases(tmp_path_factory):
    return DatabasePair.create(tmp_path_factory.mktemp("views"))


@pytest.fixture(scope="module")
def asked():
    return openapi()


@pytest.mark.slow
def test_no_http_response_depends_on_other_users(databases, asked):
    step = st.one_of(requests(asked, databases), st.builds(NextPage))
    done = []

    @FUZZ
    @given(st.lists(step, min_size=STEPS, max_size=STEPS))
    def try_it(steps):
        with http_views(databases) as views:
            done.extend(assert_same(views, steps))

    try_it()
    assert len(done) >= STEPS * EXAMPLES
    assert set(done) >= {each["operationId"] for paths in asked["paths"].values() for each in paths.values()}


@pytest.mark.slow
def test_no_result_in_python_depends_on_other_owners(databases):
    step = calls(databases)
    done = []

    @settings(FUZZ, max_examples=EXAMPLES // 5)
    @given(st.lists(step, min_size=STEPS, max_size=STEPS))
    def try_it(steps):
        with python_views(databases) as views:
            done.extend(assert_same(views, steps))

    try_it()
    assert len(done) >= STEPS * EXAMPLES // 5
    assert set(done) == set(CALLS)
    scoped = {
        name
        for name, method in inspect.getmembers(threads.Registry, inspect.isfunction)
        if not name.startswith("_") and {"owner", "actor"} & set(inspect.signature(method).parameters)
    }
    assert scoped <= set(CALLS) | SETTERS


# leaks that the tests above must detect


class Leaking:
    """A registry that reveals data of other users."""

    def __init__(self, registry):
        self.real = registry

    def __getattr__(self, name):
        return getattr(self.real, name)


class CountsAllForTheOrder(Leaking):
    def search(self, text, *, owner=None, **asked):
        found = self.real.search(text, owner=owner, **asked)
        is_common = self.real.search(text, limit=1).total > 400
        return replace(found, items=found.items[::-1]) if is_common else found


class TellsTheTotalOfAll(Leaking):
    def list(self, **asked):
        return replace(self.real.list(**asked), counted=lambda: self.real.list().total)


class TellsPositions(Leaking):
    def events(self, thread_id=None, *, owner=None, **asked):
        if thread_id is None:
            return self.real.events(owner=owner, **asked)
        return self.real.events(thread_id, **asked)


class KnowsWhatIsThere(Leaking):
    def admit(self, actor, id, verb):
        try:
            return self.real.admit(actor, id, verb)
        except threads.ThreadNotFound:
            self.real.get(id)
            raise threads.ThreadTrashed(id) from None


class CountsTagsOfAll(Leaking):
    def tags(self, **asked):
        counts = {tag.name: tag.threads for tag in self.real.tags()}
        return [replace(tag, threads=counts.get(tag.name, 0)) for tag in self.real.tags(**asked)]


class AddsUpAll(Leaking):
    def stats(self, *, owner=None, **asked):
        return self.real.stats(**asked)


class CountsWhatIsStaleOfAll(Leaking):
    def search(self, text, *, owner=None, **asked):
        found = self.real.search(text, owner=owner, **asked)
        with self.real._database.read() as connection:
            sql = "SELECT count(*) FROM threads_thread WHERE head_id IS NOT projected_id"
            return replace(found, unindexed=connection.execute(sql).fetchone()[0])


class ShowsPlaces(Leaking):
    """Cursors as they were: JSON in base64."""

    def list(self, *, cursor=None, **asked):
        if cursor is not None:
            cursor = json.loads(base64.urlsafe_b64decode(cursor))[1]
        page = self.real.list(cursor=cursor, **asked)
        if page.next_cursor is None:
            return page
        place = json.dumps([self.real.list().total, page.next_cursor])
        return replace(page, next_cursor=base64.urlsafe_b64encode(place.encode()).decode())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("leak", "operations"),
    [
        (CountsAllForTheOrder, "search"),
        (TellsTheTotalOfAll, "list_threads"),
        (TellsPositions, "send_message thread_events"),
        (KnowsWhatIsThere, "get_thread"),
        (CountsTagsOfAll, "list_tags"),
        (AddsUpAll, "analytics"),
    ],
)
def test_a_leak_over_http_is_found(databases, asked, leak, operations):
    step = requests(asked, databases, only=tuple(operations.split()))

    @settings(FUZZ, max_examples=20, phases=[Phase.generate])
    @given(st.lists(step, min_size=20, max_size=20))
    def try_it(steps):
        with http_views(databases, leak) as views:
            assert_same(views, steps)

    with pytest.raises(AssertionError):
        try_it()


def test_a_leak_in_python_is_found(databases):
    step = calls(databases, only=("search",))

    @settings(FUZZ, max_examples=20, phases=[Phase.generate])
    @given(st.lists(step, min_size=5, max_size=5))
    def try_it(steps):
        with python_views(databases, CountsWhatIsStaleOfAll) as views:
            assert_same(views, steps)

    with pytest.raises(AssertionError):
        try_it()


# cursors and ids of events


MANY_VALUES = 40


def shown(databases, leak=lambda registry: registry):
    """Cursors and positions of events as Bob is shown them, of many places."""
    found = {"list": [], "search": [], "runs": [], "events": []}
    with http_views(databases, leak) as (_, view):
        for _ in range(MANY_VALUES):
            id = view.api.post(f"{PREFIX}/threads", json={"title": "bravo"}).json()["id"]
        for _ in range(MANY_VALUES + 1):
            view.api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "hello"})
        for name, path in (("list", "threads"), ("search", "search"), ("runs", f"threads/{id}/runs")):
            cursor = {}
            while len(found[name]) < MANY_VALUES:
                answer = view.api.get(
                    f"{PREFIX}/{path}",
                    params={"text": "bravo", "limit": 1, **cursor}
                    if name == "search"
                    else {"limit": 1, **cursor},
                )
                cursor = {"cursor": answer.headers["x-next-cursor"]}
                found[name].append(cursor["cursor"])
        text = view.api.get(f"{PREFIX}/events?after=0&follow=false").text
        found["events"] = [line[4:] for line in text.splitlines() if line.startswith("id: ")]
    return found


def bits(value):
    """The bits of what is in a value, however often it was encoded."""
    if value.isdecimal():
        return f"{int(value):064b}"
    raw = value.encode()
    while True:
        for text in (raw, raw[1:]):
            try:
                raw = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
                break
            except ValueError:
                continue
        else:
            return "".join(f"{byte:08b}" for byte in raw)


def is_noise(values):
    """Whether these values look like chance: no bit is the same in all of them, but at the ends: a mark, what pads."""
    assert len(set(values)) == len(values) >= MANY_VALUES
    rows = [bits(value) for value in values]
    assert len({len(row) for row in rows}) == 1, "the length tells something"
    columns = ["".join(column) for column in zip(*rows, strict=True)]
    return all("0" in column and "1" in column for column in columns[12:-8])


@pytest.mark.slow
def test_cursors_and_event_ids_look_random(databases):
    for name, values in shown(databases).items():
        assert is_noise(values), name


@pytest.mark.slow
def test_cursor_that_is_only_encoded_does_not_look_random(databases):
    found = shown(databases, ShowsPlaces)
    assert not is_noise(found["list"])
    assert not is_noise([str(number) for number in range(1000, 1100)])


# the case itself


CANDIDATES = ("refund", "pregnant", "lawsuit", "resignation", "京", "x9")


@pytest.mark.slow
def test_search_does_not_reveal_words_of_another_user(tmp_path):
    with (
        threads.open(tmp_path / "threads.db") as registry,
        client(registry, reply_graph(), limits=UNLIMITED) as api,
    ):
        tokens = {}
        for name in ("alice", "bob"):
            registry.users.add(name)
            tokens[name] = bearer(registry.users.new_token(name))
        threads_of = {
            name: api.post(f"{PREFIX}/threads", json={}, headers=token).json()["id"]
            for name, token in tokens.items()
        }

        def say(name, text):
            answer = api.post(
                f"{PREFIX}/threads/{threads_of[name]}/messages", json={"message": text}, headers=tokens[name]
            )
            assert answer.status_code == 200

        def look():
            asked = [
                part for word in CANDIDATES for part in (word, word[:3], word[:1], word[1:5], f'"{word}"')
            ]
            return [
                (
                    answer.status_code,
                    answer.headers.get("x-total-count"),
                    answer.headers.get("x-next-cursor"),
                    answer.text,
                )
                for text in asked
                for answer in [
                    api.get(f"{PREFIX}/search", params={"text": text, "limit": 3}, headers=tokens["bob"])
                ]
            ]

        for _ in range(200):  # with the answers, that repeat them, 400
            say("bob", " ".join(CANDIDATES))
        before = look()
        assert before[0][1] == "400"
        for word in CANDIDATES[::2]:
            say("alice", f"about my {word}")
        assert look() == before
        say("bob", CANDIDATES[0])
        assert look() != before

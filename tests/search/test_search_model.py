"""Searches and filters of all kinds, compared with a plain Python model of what they mean."""

import json
import sqlite3
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from graphs import config, plain_graph
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import threads

LETTERS = "abéEßŁ1ü\u00ad\u200c"
SINGLE = "京東ก한+#🎉"
OTHER = " .,-'!?\t\n\0"
TEXTS = st.text(alphabet=LETTERS + SINGLE + OTHER + '"', min_size=1, max_size=12)
PLAIN = st.text(alphabet=LETTERS + SINGLE + ".-'", min_size=1, max_size=5)
PHRASES = st.text(alphabet=LETTERS + SINGLE + " .", min_size=1, max_size=6)
FUZZ = settings(max_examples=40, suppress_health_check=list(HealthCheck))


def folded(text):
    bare = "".join(
        c for c in unicodedata.normalize("NFD", text.casefold()) if unicodedata.category(c) != "Mn"
    )
    bare = unicodedata.normalize("NFC", bare).replace("ł", "l").replace("\u00ad", "").replace("\u200c", "")
    return " ".join(bare.replace("\0", " ").split())


def spellings(text):
    """A text, and how else it may be spelled."""
    second = unicodedata.normalize("NFC", text.casefold()).replace("ü", "ue").replace("\u200c", " ")
    return {text, second}


def words(text):
    """The words of a text in the letters above: runs of letters, and every single sign for itself."""
    found, run = [], ""
    for character in [*folded(text), " "]:
        if character in "abesul1":
            run += character
            continue
        if run:
            found.append(run)
        run = ""
        if character in SINGLE:
            found.append(character)
    return found


def in_words(term, exact, text):
    return any(
        stand_in(words(wanted), exact, words(there))
        for wanted in spellings(term)
        for there in spellings(text)
    )


def stand_in(wanted, exact, there):
    for place in range(len(there) - len(wanted) + 1):
        part = there[place : place + len(wanted)]
        if part == wanted or (not exact and part[:-1] == wanted[:-1] and part[-1].startswith(wanted[-1])):
            return True
    return False


def is_part(term, text):
    return any(folded(part) in folded(whole) for part in spellings(term) for whole in spellings(text))


def model(said, terms):
    """Which of the texts are found."""
    with_words = [(term, exact) for term, exact in terms if words(term)]
    if with_words:
        found = {id for id, text in said.items() if all(in_words(*term, text) for term in with_words)}
        if found:
            return found
    long = [term for term, _ in terms if len(folded(term)) >= 3]
    short = [(term, exact) for term, exact in with_words if len(folded(term)) < 3]
    if not long:
        return set()
    return {
        id for id, text in said.items()
        if all(is_part(term, text) for term in long) and all(in_words(*term, text) for term in short)
    }  # fmt: skip


def everything(search, limit):
    """All hits, page by page, by cursor."""
    found, cursor = [], None
    while True:
        page = search(limit=limit, cursor=cursor)
        found += page
        cursor = page.next_cursor
        if cursor is None:
            return found


@FUZZ
@given(
    talks=st.lists(st.lists(TEXTS, min_size=1, max_size=4), min_size=1, max_size=4),
    terms=st.lists(st.tuples(PLAIN, st.just(False)) | st.tuples(PHRASES, st.just(True)), min_size=1, max_size=3),
    owner=st.none() | st.integers(0, 1), role=st.none() | st.just("user"), limit=st.integers(1, 4),
)  # fmt: skip
def test_what_is_found_is_what_the_model_finds(talks, terms, owner, role, limit):
    with threads.open(":memory:") as registry:
        graph = plain_graph(registry.checkpointer)
        said = {}
        for number, texts in enumerate(talks):
            registry.create(id=str(number), owner=f"o{number % 2}")
            graph.update_state(
                config(str(number)), {"messages": [("user", text) for text in texts]}, as_node="model"
            )
            if owner is None or owner == number % 2:
                said |= {message.id: message.text for message in registry.messages(str(number))}
        terms = [(term, exact) for term, exact in terms if not exact or term.strip()]
        text = " ".join(f'"{term}"' if exact else term for term, exact in terms)
        text += f" role:{role}" if role else ""
        filters = {} if owner is None else {"owner": f"o{owner}"}
        if not terms:
            return
        expected = model(said, terms)
        hits = everything(lambda **page: registry.search(text, **filters, **page), limit)
        assert len(hits) == len(expected)
        assert {hit.message.id for hit in hits} == expected
        assert registry.search(text, **filters, limit=limit).total == len(expected)
        for hit in hits:
            assert all(0 <= start < end <= len(hit.snippet) for start, end in hit.matches)


ANYTHING = st.text(max_size=30) | st.lists(
    st.sampled_from(["tag:", "owner:", "is:", "is:pinned", "before:", "after:7d", "role:user", '"', "a", "AND", "*", "NEAR(", " ", "(", "京"])
    | st.text(max_size=3), max_size=8,
).map("".join)  # fmt: skip


@pytest.fixture(scope="module")
def talked(tmp_path_factory):
    with threads.open(tmp_path_factory.mktemp("talked") / "threads.db") as registry:
        graph = plain_graph(registry.checkpointer)
        for number, text in enumerate(("hello AND (a*b)", 'say "a" NEAR( 京', "tag: owner: x", "\0 half 🎉")):
            registry.create(id=str(number), title=f"title {text}".replace("\0", ""), tags=["a"])
            graph.update_state(config(str(number)), {"messages": [("user", text)]}, as_node="model")
        yield registry


@pytest.mark.slow
@settings(FUZZ, max_examples=300)
@given(text=ANYTHING, limit=st.integers(1, 5), offset=st.integers(0, 3))
def test_any_text_gives_an_answer_or_a_clear_error(talked, text, limit, offset):
    try:
        page = talked.search(text, limit=limit, offset=offset)
    except threads.InvalidValue as error:
        assert error.field == "text"
        return
    hits = everything(lambda **page: talked.search(text, **page), limit)
    assert page.total == len(hits) and list(page) == hits[offset : offset + limit]


# filters of a list

COUNT = 4000


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    """Enough threads that some filters leave few of them, and others many."""
    path = tmp_path_factory.mktemp("listed") / "threads.db"
    threads.open(path).close()
    with sqlite3.connect(path) as connection:
        latest = 0
        for n in range(COUNT):
            at = n * 1000 + (50_000 if n % 97 == 0 else 0)  # clocks step back
            late, latest = at < latest, max(at, latest)
            connection.execute(
                "INSERT INTO threads_thread (thread_id, activity, created_at, updated_at, is_out_of_order, auto_title, message_count, "
                "owner, agent_id, pinned, archived, trashed_at, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (f"t{n:05}", n + 1, n, at, late, f"Title {n % 13}", n % 7,
                 f"o{n % 50}", f"a{n % 2}", n % 40 == 0, n % 10 == 0, 1 if n % 30 == 0 else None,
                 json.dumps({"even": n % 2 == 0, "n": n % 1000, "word": "x"}, separators=(",", ":"))),
            )  # fmt: skip
            for tag, every in (("rare", 500), ("half", 2), ("most", 1)):
                if n % every == 0:
                    connection.execute(
                        "INSERT INTO threads_tag (thread_id, tag) VALUES (?, ?)", (f"t{n:05}", tag)
                    )
    connection.close()
    with threads.open(path) as registry:
        whole = everything(lambda **page: registry.list(archived=None, trashed=None, **page), 1000)
        assert len(whole) == COUNT
        yield Listed(registry, whole)


class Listed:
    """A registry and all its threads, the newest first."""

    def __init__(self, registry, whole):
        self.registry, self.whole = registry, whole


def when(seconds):
    return datetime.fromtimestamp(seconds, UTC)


FILTERS = st.fixed_dictionaries({}, optional={
    "owner": st.sampled_from(["o1", "o2", "nobody"]), "agent_id": st.sampled_from(["a0", "a1", "a2"]),
    "tag": st.sampled_from(["rare", "half", "most", "none", ("rare", "half"), ("half", "most")]),
    "pinned": st.booleans(), "archived": st.none() | st.booleans(), "trashed": st.none() | st.booleans(),
    "metadata": st.sampled_from([{"even": True}, {"n": 7}, {"n": 7, "even": False}, {"word": "x"}, {"n": "7"}, {"n": True}]),
    "since": st.integers(-10, 9000).map(when), "until": st.integers(-10, 9000).map(when),
    "status": st.sampled_from(["idle", "error", "busy"]),
})  # fmt: skip


def fits(thread, filters):
    asked = {"archived": False, "trashed": False, **filters}
    tags = asked.get("tag", ())
    facts = asked.get("metadata", {})
    return all((
        asked.get("owner") in (None, thread.owner), asked.get("agent_id") in (None, thread.agent_id),
        set([tags] if isinstance(tags, str) else tags) <= set(thread.tags),
        asked.get("pinned") in (None, thread.pinned), asked["archived"] in (None, thread.archived),
        asked["trashed"] in (None, thread.trashed_at is not None), asked.get("status") in (None, thread.status),
        all(type(thread.metadata.get(key)) is type(value) and thread.metadata[key] == value for key, value in facts.items()),
        thread.updated_at >= asked.get("since", thread.updated_at),
        thread.updated_at < asked.get("until", thread.updated_at + timedelta(1)),
    ))  # fmt: skip


KEYS = {
    "updated_at": lambda thread: 0, "title": lambda thread: thread.title.lower(),
    "message_count": lambda thread: thread.message_count, "thread_id": lambda thread: thread.id,
}  # fmt: skip


@pytest.mark.slow
@settings(FUZZ, max_examples=150)
@given(
    filters=FILTERS,
    sort_by=st.sampled_from(sorted(KEYS)),
    limit=st.integers(1, 1000),
    offset=st.integers(0, 50),
)
def test_a_list_with_any_filters_is_what_the_model_lists(listed, filters, sort_by, limit, offset):
    registry, whole = listed.registry, listed.whole
    expected = sorted((t for t in whole if fits(t, filters)), key=KEYS[sort_by])
    if sort_by != "updated_at":
        expected = sorted(expected, key=lambda thread: (KEYS[sort_by](thread), thread.id))
    asked = {**filters, "sort_by": sort_by, "sort_order": "desc" if sort_by == "updated_at" else "asc"}
    page = registry.list(**asked, limit=limit, offset=offset)
    assert [t.id for t in page] == [t.id for t in expected[offset : offset + limit]]
    assert page.total == len(expected)
    after = registry.list(**asked, limit=min(1000, max(1, len(expected) // 2)))
    if after.next_cursor:
        rest = registry.list(**asked, limit=1000, cursor=after.next_cursor)
        assert [t.id for t in rest] == [t.id for t in expected[len(after) : len(after) + 1000]]

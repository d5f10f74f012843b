"""Finding what was said."""

import sqlite3
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from graphs import Plain, compiled, config, in_stock_process, plain_graph, said, stock_saver, three_turns
from langchain_core.messages import AIMessage, RemoveMessage
from older_schema import take_back

import threads
from threads.search.engine import MAX_FOREIGN_MATCHES, MAX_OWNER_MESSAGES
from threads.search.index import IndexedMessage, sync
from threads.search.query import parse_query
from threads.search.snippets import STRETCH, snippet


@pytest.fixture(params=["memory", "file"])
def registry(request, tmp_path):
    where = ":memory:" if request.param == "memory" else tmp_path / "threads.db"
    with threads.open(where) as registry:
        yield registry


def speak(registry, thread_id, *texts):
    for text in texts:
        plain_graph(registry.checkpointer).invoke(said(text), config(thread_id))


def found(registry, text, **filters):
    """The ids of the threads that are found, each once, in the order of the hits."""
    return list(dict.fromkeys(hit.thread.id for hit in registry.search(text, **filters)))


def test_what_was_said_a_moment_ago_is_found(registry):
    for number in range(3):
        speak(registry, "a", f"word{number}")
        [asked, answered] = sorted(
            registry.search(f"word{number}"), key=lambda hit: hit.message.role, reverse=True
        )
        assert (asked.message.role, asked.message.text) == ("user", f"word{number}")
        assert (answered.message.role, answered.message.text) == ("assistant", f"re: word{number}")
    assert registry.messages("a")[-1].created_at == answered.message.created_at
    assert registry.messages("a")[-1].id == answered.message.id


CASES = [
    ("refund", "A refund, please"),
    ("REFUND", "a refund"),
    ("refu", "one refund"),
    ("cafe", "meet me at the Café"),
    ("naïve", "a naive idea"),
    ("strasse", "die Straße"),
    ("ёлка", "елка"),
    ("C++", "is C++ hard?"),
    ("C#", "or C#"),
    ("a@b.org", "mail a@b.org now"),
    ("AND", "this AND that"),
    ("NOT OR NEAR", "not or near"),
    ("東京", "明日は東京に行く"),
    ("京", "明日は東京に行く"),
    ("カフェ", "ｶﾌｪで会う"),
    ("สวัสดี", "สวัสดีครับ"),
    ("안녕", "안녕하세요"),
    ("학교", "초등학교에 갑니다"),
    ("학교", unicodedata.normalize("NFD", "초등학교에 갑니다")),
    ("lodz", "a trip to Łódź"),
    ("Łódź", "LODZ it is"),
    ("soren", "Søren"),
    ("aether", "Æther"),
    ("oeuvre", "an œuvre"),
    ("thor", "Þor"),
    ("محمد", "مُحَمَّد"),
    ("احمد", "أحمد هنا"),
    ("שלום", "שָׁלוֹם"),
    ("हिन्दी", "हिन्दी में"),
    ("が", "犬がいる"),
    ("🎉", "done 🎉!"),
    ("👍🏽", "👍🏽"),
    ("order-1001", "order 1001"),
    ('"order 1001"', "my order 1001"),
    ("50%", "at 50% off"),
    ("(a*b)", "so (a*b) is"),
    ("nul\0byte", "nul byte"),
    ("efun", "a refund"),
    ("...", "well... yes"),
    ("half \ud800", "half ?"),
    ("cooperate", "let us co\u00adoperate"),
    ("co\u00adoperate", "let us cooperate"),
    ("zerowidth", "zero\u200bwidth here"),
    ("width", "zero\u200bwidth here"),
    ("joined", "joi\u200dned here"),
    ("wordjoiner", "word\u2060joiner"),
    ("leftright", "left\u200eright"),
    ("bom", "\ufeffbom first"),
    ("می\u200cخواهم", "من می\u200cخواهم بروم"),
    ("میخواهم", "من می\u200cخواهم بروم"),
    ("می خواهم", "من می\u200cخواهم بروم"),
    ("خواهم", "من می\u200cخواهم بروم"),
    ("می\u200cخواهم", "من میخواهم بروم"),
    ("می\u200cخواهم", "من می خواهم بروم"),
    ("muellheim", "aus Müllheim"),
    ("muell", "aus MÜLLHEIM"),
    ("Muellheim", unicodedata.normalize("NFD", "aus Müllheim")),
    ("müllheim", "aus Muellheim"),
    (unicodedata.normalize("NFD", "müllheim"), "aus Muellheim"),
    ("müllheim", "aus Mullheim"),
    ("muellheim", "der Bergmüllheimer Hof"),
    ('"herr mueller aus koeln"', "Herr Müller aus Köln"),
    ('"Herr Mueller aus Köln"', "Herr Müller aus Koeln"),
    ("oel", "Öl und Gas"),
    ("smoerrebroed", "Smørrebrød"),
    ("aarhus", "nach Århus"),
    ("strasse", "die Stra\u00adße"),
    ("👨👩", "👨\u200d👩"),
]

DISTINCT = [
    ("blu", "the duell"),
    ("dull", "ein Duell um Blue"),
    ("blü", "a duel"),
    ("mullheim", "aus Muellheim"),
    ("bloe", "blood"),
    ("mueller muller", "Mueller"),
    ('"mueller muller"', "Müller"),
    ('"koln muller"', "Müller in Köln"),
]
"""A text that a query does not mean."""


@pytest.mark.slow
@pytest.mark.parametrize(("text", "words"), CASES)
def test_any_text_finds_what_a_person_means_by_it(text, words):
    with threads.open(":memory:") as registry:
        speak(registry, "that", words)
        speak(registry, "other", "something else")
        if text == "half \ud800":
            assert found(registry, text) in ([], ["that"])
        else:
            assert found(registry, text) == ["that"]


@pytest.mark.parametrize(("text", "words"), DISTINCT)
def test_second_spelling_confuses_no_words(registry, text, words):
    registry.create(id="a", title=words)
    assert found(registry, text) == []


@pytest.mark.parametrize(("text", "words"), [case for case in CASES if "half" not in case[0]])
def test_titles_are_found_as_messages_are(registry, text, words):
    registry.create(id="that", title=words.replace("\0", ""))
    registry.create(id="other", title="something else")
    assert found(registry, text) == ["that"]


def test_words_with_umlauts_are_the_words_themselves_too(registry):
    speak(registry, "a", "blue")
    assert found(registry, "blu") == found(registry, "blue") == ["a"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ['"', "'", "''", "?!", "*", "^", "NEAR(", "a" * 100_000, "\0", "( OR )", ":", "text:x"]
)
def test_no_text_breaks_a_search(registry, text):
    speak(registry, "a", "hello there")
    assert registry.search(text).total in (0, 1)  # 1: the thread itself, where no word was said


def test_parts_of_words_are_found_only_where_no_word_begins_so(registry):
    speak(registry, "a", "reorder")
    assert found(registry, "order") == ["a"]
    speak(registry, "b", "order")
    assert found(registry, "order") == ["b"]
    assert found(registry, "rder") == ["b", "a"]


def test_words_in_quotes_stand_in_a_row(registry):
    speak(registry, "a", "red big house")
    speak(registry, "b", "big red house")
    assert found(registry, '"red house"') == ["b"]
    assert sorted(found(registry, "red house")) == ["a", "b"]
    assert found(registry, '"red hou"') == ["b"]  # as a part


def test_titles_are_found_and_only_as_long_as_they_are_so(registry):
    registry.create(id="a", title="Refund for Carol")
    [hit] = registry.search("carol")
    assert (hit.thread.id, hit.message, hit.marked()) == ("a", None, "Refund for **Carol**")
    registry.update("a", title="For Dan")
    assert found(registry, "carol") == []
    assert found(registry, "dan") == ["a"]
    registry.update("a", title=None)
    assert found(registry, "dan") == []


def test_only_the_branch_in_view_is_found(registry):
    graph = compiled(Plain, lambda state: {"messages": [AIMessage("fine")]}, registry.checkpointer)
    graph.invoke(said("the first thought"), config("a"))
    [first] = [m for m in registry.messages("a") if m.role == "user"]
    assert found(registry, "first") == ["a"]
    before = registry._database.read
    graph.update_state(config("a"), {"messages": [RemoveMessage(first.id)]})
    graph.update_state(config("a"), {"messages": [("user", "the second thought")]})
    assert found(registry, "first") == []
    [hit] = registry.search("second")
    assert hit.message.id == registry.messages("a")[-1].id
    assert registry.verify() == []
    assert before is not None


def test_a_turn_more_in_a_long_thread_writes_its_own_rows_only(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        graph = plain_graph(registry.checkpointer)
        graph.update_state(
            config("a"), {"messages": [("user", f"message {n}") for n in range(1000)]}, as_node="model"
        )
        assert registry.search("message").total == 1000
        graph.invoke(said("one more"), config("a"))
        before = registry._database.write(lambda connection: connection.total_changes)
        assert registry.search("one more").total == 2
        written = registry._database.write(lambda connection: connection.total_changes) - before
        assert written < 50


def test_operators_and_filters_narrow_before_pages_are_cut(registry):
    for number in range(40):
        id = f"t{number:02}"
        registry.create(id=id, owner=f"owner {number % 4}", agent_id=f"agent{number % 2}")
        speak(registry, id, f"common word number{number}")
        if number % 10 == 0:
            registry.update(id, tags=["vip", "two words"], pinned=True)
    registry.update("t39", archived=True)
    registry.trash("t38")
    for text, filters, expected in [
        ("common tag:vip", {}, {"t00", "t10", "t20", "t30"}),
        ('tag:"two words" common', {}, {"t00", "t10", "t20", "t30"}),
        ('common is:pinned owner:"owner 2"', {}, {"t10", "t30"}),
        ("common", {"owner": "owner 2", "tag": "vip"}, {"t10", "t30"}),
        ('common owner:"owner 1"', {"owner": "owner 2"}, set()),
        ("common is:archived", {}, {"t39"}),
        ("common", {"trashed": True}, {"t38"}),
        ("common agent:agent1 number3", {}, {"t03", "t31", "t33", "t35", "t37"}),
        ("tag:vip", {}, {"t00", "t10", "t20", "t30"}),
    ]:
        page = registry.search(text, **filters, limit=100)
        assert {hit.thread.id for hit in page} == expected, text
        assert page.total == len(page)
        ids = []
        cursor = None
        while True:
            part = registry.search(text, **filters, limit=3, cursor=cursor)
            ids += [(hit.thread.id, hit.message and hit.message.id) for hit in part]
            assert part.total == page.total
            cursor = part.next_cursor
            if cursor is None:
                break
        assert ids == [(hit.thread.id, hit.message and hit.message.id) for hit in page]
        by_offset = [
            hit
            for offset in range(0, 100, 7)
            for hit in registry.search(text, **filters, limit=7, offset=offset)
        ]
        assert [(hit.thread.id, hit.message and hit.message.id) for hit in by_offset] == ids


def test_more_than_can_be_ranked_come_newest_first_and_each_once(registry):
    graph = plain_graph(registry.checkpointer)
    for id, count in (("a", 700), ("b", 600)):
        values = {"messages": [("user", f"hello {n}") for n in range(count)]}
        graph.update_state(config(id), values, as_node="model")
    registry.update("a", owner="alice")
    page = registry.search("hello", limit=1000)
    assert page.total == 1300
    assert [hit.message.text for hit in page][:2] == ["hello 599", "hello 598"]
    rest = registry.search("hello", limit=1000, cursor=page.next_cursor)
    assert len({hit.message.id for hit in (*page, *rest)}) == 1300
    mine = registry.search("hello", owner="alice", limit=5, offset=3)
    assert [hit.message.text for hit in mine] == [f"hello {n}" for n in (696, 695, 694, 693, 692)]
    assert mine.total == 700


def fill(registry, id, owner, texts):
    """A thread with these messages, as the projection leaves it."""
    registry.create(id=id, owner=owner)

    def work(connection):
        [position] = connection.execute(
            "SELECT position FROM threads_thread WHERE thread_id = ?", (id,)
        ).fetchone()
        rows = [IndexedMessage(f"{id} {number}", "user", text, True) for number, text in enumerate(texts)]
        sync(connection, position, rows, {}, position)
        connection.execute(
            "UPDATE threads_thread SET message_count = ? WHERE thread_id = ?", (len(texts), id)
        )

    registry._database.write(work)


def pages(registry, text, **asked):
    """The ids of all hits, by cursor, and what is told of them."""
    ids, totals, cursor = [], set(), None
    while True:
        page = registry.search(text, limit=150, cursor=cursor, **asked)
        ids += [hit.message.id for hit in page]
        totals.add((page.total, page.unindexed))
        cursor = page.next_cursor
        if cursor is None:
            return ids, totals


@pytest.mark.slow
def test_a_search_with_an_owner_is_the_same_whatever_others_say_and_however_much(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        few = ["rare common", *["common"] * 399]
        many = [
            f"{'rare' * (n % 20 == 0)} {'common' * (n % 10 == 0)} {'wide' * (n < 5)} n{n}"
            for n in range(MAX_OWNER_MESSAGES + 1)
        ]
        for owner, texts in (("few", few), ("many", many)):
            fill(registry, f"{owner} 1", owner, texts[:100])
            fill(registry, f"{owner} 2", owner, texts[100:])
        asked = [
            (text, owner)
            for owner in ("few", "many")
            for text in ("rare", "common", "wide", "com", "omm", "c", "common rare", "role:user n1")
        ]
        before = [pages(registry, text, owner=owner) for text, owner in asked]
        assert {ask: len(found[0]) for ask, found in zip(asked, before, strict=True)} == {
            ("rare", "few"): 1, ("common", "few"): 400, ("wide", "few"): 0, ("com", "few"): 400, ("omm", "few"): 400, ("c", "few"): 400,
            ("common rare", "few"): 1, ("role:user n1", "few"): 0, ("rare", "many"): 501, ("common", "many"): 1001, ("wide", "many"): 5,
            ("com", "many"): 1001, ("omm", "many"): 1001, ("c", "many"): 1001, ("common rare", "many"): 501, ("role:user n1", "many"): 1112,
        }  # fmt: skip
        fill(registry, "other", "other", ["common wide rare omm"] * (MAX_FOREIGN_MATCHES + 1))
        assert [pages(registry, text, owner=owner) for text, owner in asked] == before
        assert all(len(set(ids)) == len(ids) for ids, _ in before)


def test_a_search_with_an_owner_reads_what_is_new_of_that_owner_alone(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        for number in range(6):
            registry.create(id=f"bob {number}", owner="bob")
        for number in range(30):
            registry.create(id=f"alice {number}", owner="alice")
    saver = stock_saver(path)
    for id in [f"bob {n}" for n in range(6)] + [f"alice {n}" for n in range(30)]:
        plain_graph(saver).invoke(said("hello"), config(id))
    saver.conn.close()
    with threads.open(path) as registry:
        assert registry.search("hello", owner="bob", patience=0).unindexed == 5
        assert registry.stats(owner="bob", patience=0).unindexed == 4
        page = registry.search("hello", owner="bob", patience=None)
        assert (page.total, page.unindexed) == (12, 0)
        assert registry.search("hello", owner="alice", patience=0).unindexed == 29
        registry.list(owner="bob", sort_by="title")
        assert registry.search("hello", owner="alice", patience=0).unindexed == 28


def test_what_a_deleted_thread_said_does_not_count_in_one_that_was_begun_at_its_place(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        registry.create(id="alices", owner="alice")
        speak(registry, "alices", "a secret word")
        assert registry.search("secret").total == 2
    saver = stock_saver(path)
    saver.delete_thread("alices")  # a program that knows of no index
    saver.conn.close()
    with threads.open(path) as registry:
        registry.create(id="bobs", owner="bob")
        assert registry.unread(["bobs"], "bob") == {"bobs": 0}
        with pytest.raises(threads.InvalidValue):
            registry.mark_read("bobs", "bob", upto="anything")
        assert registry.mark_read("bobs", "bob") == 0
        assert registry.search("secret", owner="bob").total == 0
        speak(registry, "bobs", "hello")
        assert registry.unread(["bobs"], "bob") == {"bobs": 1}  # the answer; their own message is not unread


def test_roles_and_times_of_messages_are_looked_at(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        speak(registry, "a", "hello world")
        assert [hit.message.role for hit in registry.search("hello role:user")] == ["user"]
        assert [hit.message.role for hit in registry.search("role:assistant")] == ["assistant"]
        assert registry.search("hello after:1h").total == 2
        assert registry.search("hello before:1h").total == 0
        assert registry.search("hello before:2099-01-01 after:2020-01-31T12:00Z").total == 2
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        assert registry.search("hello", since=tomorrow).total == 0


@pytest.mark.parametrize(
    "text", ["is:banana", "role:nobody x", "before:soon", "after:9999999w", "owner:a owner:b", 'tag:"  "']
)
def test_an_operator_that_cannot_be_is_refused_by_name(registry, text):
    with pytest.raises(threads.InvalidValue, match=text.split(":")[0]) as caught:
        registry.search(text)
    assert caught.value.field == "text"
    assert registry.search(f'"{text}"' if '"' not in text else "tag").total == 0


@pytest.mark.parametrize("patience", ["x", True, -1, float("nan"), timedelta(seconds=1)])
def test_a_patience_that_is_no_time_is_refused_by_name(registry, patience):
    for ask in (lambda **asked: registry.search("hello", **asked), registry.stats):
        with pytest.raises(threads.InvalidValue) as caught:
            ask(patience=patience)
        assert caught.value.field == "patience"


@pytest.mark.parametrize("cursor", ["", "nonsense", "e30=", "WyJzZWFyY2giLCJiYWQiLDFd"])
def test_a_cursor_of_no_search_is_refused(registry, cursor):
    speak(registry, "a", "hello")
    with pytest.raises(threads.InvalidCursor):
        registry.search("hello", cursor=cursor)


TEXTS = ("common", "ommon", "role:user", "tag:vip", "???", "..", "!", "c", "common role:user", '"common"', "")


def test_a_cursor_of_another_search_is_refused(registry):
    for number in range(3):
        speak(registry, f"t{number}", "common word")
    registry.update("t0", tags=["vip"])
    cursors = {text: registry.search(text, limit=1).next_cursor for text in TEXTS}
    given = {text: cursor for text, cursor in cursors.items() if cursor}
    assert {"common", "ommon", "role:user"} <= set(given)
    for text in TEXTS:
        for other, cursor in given.items():
            if other != text and not (text in ("tag:vip", "") and other == ""):
                with pytest.raises(threads.InvalidCursor):
                    registry.search(text, cursor=cursor)
    for filters in ({"tag": "vip"}, {"owner": "alice"}, {"archived": None}, {"metadata": {"a": 1}}):
        with pytest.raises(threads.InvalidCursor):
            registry.search("common", **filters, cursor=given["common"])


@pytest.mark.parametrize("text", ["common", "ommon", "role:user"])
def test_a_cursor_that_was_changed_is_refused(registry, text):
    for number in range(3):
        speak(registry, f"t{number}", "common word")
    cursor = registry.search(text, limit=1).next_cursor
    changed = [
        cursor[:place] + ("A" if sign != "A" else "B") + cursor[place + 1 :]
        for place, sign in enumerate(cursor)
    ]
    for wrong in (
        *changed,
        cursor[:-1],
        cursor + "=",
        cursor + "A",
        "ü" + cursor[1:],
        registry.list(limit=1).next_cursor,
    ):
        with pytest.raises(threads.InvalidCursor):
            registry.search(text, limit=1, cursor=wrong)


def test_a_search_goes_on_where_its_times_are_counted_from_now(tmp_path):
    now = [datetime.now(UTC)]
    with threads.open(tmp_path / "threads.db", clock=lambda: now[0]) as registry:
        for number in range(3):
            speak(registry, f"t{number}", "common word")
        found, cursor = [], None
        for _ in range(6):
            since = now[0] - timedelta(hours=1)
            page = registry.search("common after:1h", limit=1, cursor=cursor, since=since)
            found += [hit.message.id for hit in page]
            cursor, now[0] = page.next_cursor, now[0] + timedelta(seconds=1)
        assert len(set(found)) == 6 and cursor is None


def test_the_find_is_marked_and_in_sight(registry):
    speak(registry, "a", "word " * 100 + "the Café\nis here " + "more " * 100)
    hit = registry.search("cafe is role:user")[0]
    assert "the **Café** **is** here" in hit.marked()
    assert hit.snippet.startswith("…") and hit.snippet.endswith("…") and len(hit.snippet) < 130
    assert [hit.snippet[start:end] for start, end in hit.matches] == ["Café", "is"]


@pytest.mark.slow
@pytest.mark.parametrize("filler", ["filler words here ", "wörter hier ", "x" * 30_000 + " "])
@pytest.mark.parametrize(("text", "marked"), [("needleword", "needleword"), ("eedlewor", "eedlewor")])
def test_a_find_far_down_in_a_long_text_is_in_sight(registry, filler, text, marked):
    for count in range(3):
        body = filler * (30_000 // len(filler)) + "y" * (count * 9) + " a needleword " + filler * 90
        speak(registry, f"t{count}", body)
    assert registry.search(f"{text} role:user").total == 3
    for hit in registry.search(f"{text} role:user"):
        assert [hit.snippet[start:end] for start, end in hit.matches] == [marked]
        assert len(hit.snippet) < 130


@pytest.mark.parametrize(
    ("text", "said", "marked"),
    [
        ("학교", "초등학교에", "초등**학교**에"),
        ("oeuv", "l'œuvre", "l'**œuvre**"),
        ("odz", "Łódź", "Ł**ódź**"),
        ("ether", "Æther", "**Æther**"),
        ("محمد", "هذا مُحَمَّد", "هذا **مُحَمَّد**"),
        ("cooperate", "we co\u00adoperate\u200b now", "we **co\u00adoperate**\u200b now"),
        ("muell", "nach Müllheim", "nach **Müllheim**"),
        ("muell", unicodedata.normalize("NFD", "nach Müll"), unicodedata.normalize("NFD", "nach **Müll**")),
        ("müll", "nach Muellheim", "nach **Muellheim**"),
        ("uellh", "nach Müllheim", "nach M**üllh**eim"),
        ("خواهم", "می\u200cخواهم", "**می\u200cخواهم**"),
    ],
)
def test_a_find_in_letters_that_are_folded_is_marked(text, said, marked):
    piece, matches = snippet(said, parse_query(text, datetime.now(UTC)))
    for start, end in reversed(matches):
        piece = f"{piece[:start]}**{piece[start:end]}**{piece[end:]}"
    assert piece == marked


@pytest.mark.slow
@pytest.mark.parametrize("length", [90, 101, 119, 120, 121, 300])
@pytest.mark.parametrize("word", ["brown fox ", "x", "ü"])
def test_a_find_longer_than_a_snippet_is_cut_at_its_end(registry, length, word):
    phrase = (word * length)[:length].strip()
    speak(registry, "a", "intro " * 40 + phrase + " outro" * 40)
    [hit] = registry.search(f'"{phrase}" role:user')
    [(start, end)] = hit.matches
    assert 0 < len(hit.snippet) <= 122 and hit.snippet[start:end] in phrase
    assert end - start >= min(80, len(phrase)) and phrase.startswith(hit.snippet[start:end])


@pytest.mark.parametrize(
    ("text", "marked"),
    [('"two needles"', "<two needles>"), ("need", "two <needles>"), ("eedle", "two n<eedle>s")],
)
def test_the_edge_of_what_is_read_at_once_hides_no_find(text, marked):
    for place in range(STRETCH - 30, STRETCH + 10):
        said = "." * place + " two needles " + "." * 50
        piece, [(start, end)] = snippet(said, parse_query(text, datetime.now(UTC)))
        assert f"{piece[:start]}<{piece[start:end]}>{piece[end:]}".strip("…. ") == marked


def test_a_better_match_comes_first(registry):
    speak(registry, "long", "refund " + "and many other words " * 20)
    speak(registry, "short", "refund")
    for number in range(20):
        speak(registry, f"x{number}", "something else")
    assert found(registry, "refund")[0] == "short"
    ranks = [hit.rank for hit in registry.search("refund")]
    assert ranks == sorted(ranks) and ranks[0] < 0


def test_nothing_of_an_erased_thread_is_left_in_the_file(tmp_path):
    path = tmp_path / "threads.db"
    fragments = (b"xqz", b"jvk", b"bqj", b"zx9")
    with threads.open(path) as registry:
        for number in range(50):
            speak(registry, f"t{number}", f"hello number {number}")
        for id, word in (("a", "xqzfoo"), ("b", "jvkbar"), ("c", "bqjbaz")):
            speak(registry, id, word)
        registry.update("c", title="zx9title")
        assert registry.search("xqzfoo").total == 2 and registry.search("zx9").total == 1
        registry.checkpointer.flush()
        registry._database.purge_deleted_text()
        assert all(fragment in path.read_bytes() for fragment in fragments)
        registry.checkpointer.delete_thread("a")
        registry.delete("b")
        registry.delete("c")
        assert registry.search("xqzfoo").total == registry.search("zx9").total == 0
        assert registry.search("hello").total == 100
        for beside in tmp_path.iterdir():
            content = beside.read_bytes()
            assert [fragment for fragment in fragments if fragment in content] == [], beside.name


@pytest.mark.slow
def test_what_another_program_deletes_is_gone_from_the_search_at_once(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        speak(registry, "a", "old words")
        assert registry.search("old").total == 2
        in_stock_process(path, "saver.delete_thread('a')")
        registry.create(id="b")  # may get the place of the one that went
        assert registry.search("old").total == 0
        in_stock_process(path, "graph.invoke(said('new words'), config('a'))")
        assert found(registry, "words") == ["a"]
        assert registry.verify() == []
        registry.delete("a")
    assert b"old words" not in path.read_bytes()


def test_a_fresh_file_is_searched_at_once_and_says_what_is_not_read_yet(tmp_path):
    path = tmp_path / "stock.db"
    saver = stock_saver(path)
    for number in range(30):
        three_turns(plain_graph(saver), f"t{number}")
    saver.conn.close()
    with threads.open(path) as registry:
        hits = registry.search("message", patience=0)
        assert 0 < hits.unindexed < 30 and len(hits) > 0
        whole = registry.search("message", patience=None)
        assert (whole.unindexed, whole.total) == (0, 180)


@pytest.mark.parametrize("kind", ["stock", "behind", "fresh"])
def test_a_file_that_may_only_be_read_is_searched_without_touching_it(tmp_path, kind):
    path = tmp_path / "some.db"
    if kind != "stock":
        with threads.open(path) as registry:
            speak(registry, "a", "hello Alice")
            registry.create(id="t", title="Hello title")
            registry.search("hello")
            registry.update("t", title="Hello title")
    if kind != "fresh":
        saver = stock_saver(path)
        plain_graph(saver).invoke(said("goodbye Bob"), config("a"))
        plain_graph(saver).invoke(said("hello Carol"), config("b"))
        saver.conn.close()
        sqlite3.connect(path).execute("PRAGMA wal_checkpoint(TRUNCATE)").connection.close()
    before = path.read_bytes()
    with threads.open(path, read_only=True) as registry:
        for _ in range(2):
            expected = {"stock": {"b"}, "behind": {"a", "t", "b"}, "fresh": {"a", "t"}}[kind]
            hits = registry.search("hello")
            assert {hit.thread.id for hit in hits} == expected
            assert hits.total == len(hits)
            assert set(found(registry, "goodb")) == ({"a"} if kind != "fresh" else set())
            assert set(found(registry, "oodby")) == ({"a"} if kind != "fresh" else set())
            assert {h.message.role for h in registry.search("role:user")} == {"user"}
    assert path.read_bytes() == before
    assert [each.name for each in Path(tmp_path).iterdir() if each.name != path.name] == []


def test_harm_to_the_index_is_seen_and_mended(tmp_path):
    path = tmp_path / "threads.db"
    for harm in (
        "DELETE FROM threads_message_text",
        "DROP TABLE threads_fts_words",
        "DROP TABLE threads_message_text",
        "DROP TABLE threads_fts_trigrams",
    ):
        with threads.open(path) as registry:
            if not registry.list():
                speak(registry, "a", "hello there")
                registry.create(id="t", title="hello title")
            assert {hit.thread.id for hit in registry.search("hello", limit=2)} <= {"a", "t"}
            registry._database.write(lambda connection, harm=harm: connection.execute(harm) and None)
            assert registry.verify() != []
            registry.repair()
            assert registry.verify() == []
            assert set(found(registry, "hello")) == {"a", "t"}, harm
            assert set(found(registry, "ello")) == {"a", "t"}, harm


def test_older_index_is_filled_again_and_keeps_read_marks(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        registry.create(id="a", title="Müllheim")
        speak(registry, "a", "co\u00adoperate", "Müller")
        [first, *_] = registry.messages("a")
        registry.mark_read("a", "alice", upto=first.id)
        unread = registry.unread(["a"], "alice")
    connection = sqlite3.connect(path)
    take_back(connection, 1)
    connection.executescript("""
        INSERT INTO threads_fts_words (threads_fts_words) VALUES ('delete-all');
        INSERT INTO threads_fts_words (rowid, text) SELECT id, 'what an older version made of it' FROM threads_message_text;
    """)
    connection.close()
    with threads.open(path) as registry:
        assert [len(registry.search(text)) for text in ("cooperate", "mueller", "muellheim", "older")] == [
            2,
            2,
            1,
            0,
        ]
        assert registry.unread(["a"], "alice") == unread
        assert registry.verify() == []

"""What others wrote never acts on the terminal, and output never fails."""

import codecs
import json
import os
import re
import subprocess
import sys
import threading
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from graphs import config, plain_graph, said
from hypothesis import given
from hypothesis import strategies as st

import threads
from threads.agent_sources import AgentNotBuilt
from threads.cli import sanitize
from threads.cli.errors import TABLE, CliError, cli_error_of
from threads.cli.group import threads as group
from threads.cli.progress import ProgressBar
from threads.errors import ThreadsError
from threads.serialization import to_jsonable

NASTY = "\x1b]0;owned\x07\x1b[2J[red]bold[/red] :smile: \r\x9b31m\u202egnp.exe\u2066\u2028\ttab\nline ☕ é"
ACTS = {"Cc", "Zl", "Zp", "Cs"}


def harmless(shown, kept="\n"):
    """Whether no character of `shown` acts on a terminal or turns the order of reading."""
    return not [
        c
        for c in shown
        if c not in kept
        and (
            unicodedata.category(c) in ACTS
            or unicodedata.bidirectional(c) in ("LRO", "RLO", "LRE", "RLE", "PDF")
        )
    ]


@pytest.fixture
def nasty(tmp_path, monkeypatch):
    """A thread whose id, messages, title, agent and tags are all out to do harm."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        plain_graph(registry.checkpointer).invoke(said(NASTY), config("[bold]id[/bold] \u202e☕"))
        registry.update(
            "[bold]id[/bold] \u202e☕",
            agent_id="\u202e[i]a[/i]",
            owner="[o]\u2066",
            tags=["[/red]\u202e", "[b]"],
        )
    return path


def run(*words, **environment):
    """Standard output of a command in a process, as bytes."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "threads", *words],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["ls"], ["show", "-"], ["ls", "--json"], ["show", "-", "--json"], ["rename", "-", "[b]x"]]
)
def test_untrusted_text_does_not_act_on_the_terminal(nasty, words):
    shown = run(*words).decode()
    assert harmless(shown, "\n\t")
    assert "[bold]id[/bold]" in shown or words[0] == "rename"


def test_one_record_stays_one_line_with_the_same_number_of_fields(nasty):
    lines = run("ls").decode().splitlines()
    assert len(lines) == 1 and lines[0].count("\t") == 5
    messages = run("show", "-").decode().split("\n\n")[1].splitlines()
    assert [line.count("\t") for line in messages] == [2, 2]
    assert r"\ttab\nline" in messages[0] and r"\x1b[2J[red]bold[/red] :smile:" in messages[0]


def test_json_contains_the_exact_text(nasty):
    found = json.loads(run("show", "-", "--json"))
    assert found["messages"][0]["text"] == NASTY
    assert found["thread"]["id"] == "[bold]id[/bold] \u202e☕"


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8", "utf-16", "koi8-r", "cp437"])
@pytest.mark.parametrize("words", [["ls"], ["show", "-"], ["ls", "--json"]])
def test_output_never_fails_on_a_narrow_encoding(nasty, encoding, words):
    shown = run(*words, PYTHONIOENCODING=encoding).decode(encoding)
    assert "bold" in shown and harmless(shown, "\n\t\r")
    if "--json" in words:
        assert json.loads(shown)["threads"][0]["id"] == "[bold]id[/bold] \u202e☕"


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["send", "-", "Ünïcode ☕", "--agent", "assistant"], ["nonsense☕"], ["show", "☕"]]
)
def test_answers_and_errors_never_fail_on_a_narrow_encoding(nasty, words):
    done = subprocess.run(
        [sys.executable, "-m", "threads", *words],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "THREADS_MODEL": "offline"},
        check=False,
    )
    assert b"Traceback" not in done.stderr and (done.stdout + done.stderr).decode("ascii")
    assert done.returncode in (0, 2, 3)


def test_closed_pipe_ends_the_list_quietly(nasty):
    with threads.open(nasty) as registry:
        for number in range(600):
            registry.create(title=f"{number} " + "x" * 400)
    with subprocess.Popen(
        [sys.executable, "-m", "threads", "ls", "-n", "1000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_errors_escape_untrusted_text(nasty):
    for words in (["show", "\x1b[2J\u202e"], ["\x1b[2J"], ["ls", "--since", "\x1b"], ["ls", "--\x9b31m"]):
        done = CliRunner().invoke(group, words)
        assert done.exit_code in (2, 3) and harmless(done.stderr), words
    for words in (["ls", "--db", "\x1b[2J.db"], ["ls", "--db", "\x1b[2J.db", "--traceback"]):
        done = CliRunner().invoke(group, words)
        assert done.exit_code == 1 and r"\x1b[2J.db" in done.stderr and harmless(done.stderr)
    done = CliRunner().invoke(group, ["fork", "-", "--at", "\x1b[2J"])
    assert done.exit_code == 3 and harmless(done.stderr)


@given(st.text(st.characters()))
def test_escaped_text_has_no_unsafe_characters(anything):
    assert harmless(sanitize.escape_line(anything), "")
    assert harmless(sanitize.escape_block(anything), "\n\t")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_escaped_json_has_the_same_value(anything):
    for ascii_only in (True, False):
        made = sanitize.escape_json(json.dumps(anything, ensure_ascii=ascii_only))
        assert harmless(made, "") and json.loads(made) == anything


@pytest.mark.parametrize("words", ["Zoë ☕ 你好", "שלום", "مرحبا", "👩‍👩‍👧", "नमस्ते"])
def test_text_of_any_language_is_not_escaped(words):
    assert sanitize.escape_line(words) == sanitize.escape_block(words) == words


@given(
    st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["ascii", "cp1252", "utf-8", "koi8-r"])
)
def test_table_cells_are_encodable(anything, encoding):
    made = sanitize.encodable(anything, encoding)
    assert codecs.decode(codecs.encode(made, encoding), encoding) == made


NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=2), "2 min ago"),
        (timedelta(minutes=59, seconds=59), "59 min ago"),
        (timedelta(hours=23), "23 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=13), "13 days ago"),
    ],
)
def test_age_in_words(before, words):
    assert sanitize.format_age(NOW - before, NOW) == words


def test_old_age_is_a_date_and_unknown_age_a_question_mark():
    assert sanitize.format_age(datetime(2025, 1, 31, 12, tzinfo=UTC), NOW) == "2025-01-31"
    assert (sanitize.format_age(None, NOW), sanitize.format_time(None)) == ("?", "")


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (9949, "9.9 kB"),
        (9950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (34_000_000, "34 MB"),
        (1_300_000_000, "1.3 GB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_size_is_rounded_with_its_unit(count, words):
    assert sanitize.format_size(count) == words


def test_json_form_of_message_contents():
    made = to_jsonable(
        {"a": (1, None, float("nan")), 2: datetime(2026, 1, 1, tzinfo=UTC), "c": {3}, "d": b"x"}
    )
    assert made == {"a": [1, None, "nan"], "2": "2026-01-01T00:00:00.000Z", "c": [3], "d": "b'x'"}


# errors


def subclasses(kind):
    return {kind}.union(*map(subclasses, kind.__subclasses__()))


@pytest.mark.parametrize("kind", sorted(subclasses(ThreadsError), key=lambda kind: kind.__name__))
def test_every_error_of_ours_has_an_exit_code(kind):
    wanted = (
        3
        if issubclass(kind, threads.ThreadNotFound | threads.CheckpointNotFound)
        else 2
        if issubclass(kind, threads.UsageError) and kind is not AgentNotBuilt  # the agent's own code failed
        else 1
    )
    error = kind.__new__(kind)
    for name in ("thread_id", "run_id", "field", "reason", "blocked", "limit", "why", "reducer", "known"):
        setattr(error, name, "x")
    fault = cli_error_of(error)
    assert isinstance(fault, CliError) and fault.exit_code == wanted


def test_no_row_of_the_table_hides_one_below_it():
    kinds = [kind for kind, _, _ in TABLE]
    assert not [(a, b) for place, a in enumerate(kinds) for b in kinds[place + 1 :] if issubclass(b, a)]


IN_PYTHON = re.compile(r"\w=|\w\(|\bNone\b|\bTrue\b|(registry|runner|threads)\.[a-z]+\b(?<!\.db)")


@pytest.mark.parametrize(
    "error",
    [
        threads.ReadOnly("a; b.db cannot be written", "read_only=True opens it to look only"),
        threads.ThreadBusy("a", "r"),
        threads.LeaseLost("a"),
        threads.RunNotFound("r"),
        threads.ThreadTrashed("a"),
        threads.CheckpointNotFound("a", "c"),
        threads.MessagesUnknown("a"),
        threads.TypeNotAllowed(["shop.Order"]),
        threads.InvalidValue("owner", "it is empty", "None stands for nobody"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_messages_do_not_mention_python(error):
    assert IN_PYTHON.search(str(error))
    assert not IN_PYTHON.search(cli_error_of(error).format_message())


def test_empty_values_are_reported_in_terms_of_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with threads.open("threads.db") as registry:
        registry.create(id="a")
    for words, told in (
        (["rename", "a", " "], "the title is empty; --auto restores"),
        (["tag", " ", "a"], "tags: one of them is empty\n"),
        (["new", "--owner", ""], "owner: it is empty\n"),
        (["search", 'agent:""'], "text: agent: it is empty\n"),
    ):
        result = CliRunner().invoke(group, words)
        assert result.exit_code == 2 and told in result.stderr


def test_bug_is_not_reported_as_a_user_error():
    assert cli_error_of(ZeroDivisionError()) is None


# the progress bar


class Screen:
    """A stream that says whether it is a terminal, and keeps what is written."""

    encoding = "utf-8"

    def __init__(self, terminal):
        self.terminal = terminal
        self.written = ""

    def isatty(self):
        return self.terminal

    def write(self, words):
        self.written += words
        return len(words)

    def flush(self):
        pass


@pytest.mark.parametrize(
    ("terminal", "seconds", "drawn"), [(True, 2, True), (True, 0.5, False), (False, 2, False)]
)
def test_progress_bar_appears_on_a_terminal_after_the_delay(terminal, seconds, drawn):
    screen, clock = Screen(terminal), iter([0.0, *[seconds] * 20])
    with ProgressBar(screen, now=lambda: next(clock)) as bar:
        bar("reading messages", 10, 100)
        bar("reading messages", 50, 100)
    assert ("reading messages" in screen.written) is drawn


class Watched(Screen):
    """One that says when something was written that has `words` in it."""

    def __init__(self, words):
        super().__init__(True)
        self.words = words
        self.seen = threading.Event()

    def write(self, words):
        if self.words in words:
            self.seen.set()
        return super().write(words)


def test_operation_without_progress_is_shown_after_the_delay_and_removed():
    screen = Watched("giving the room back")
    with ProgressBar(screen, delay=0).waiting("giving the room back"):
        assert screen.seen.wait(30)
    assert screen.written.endswith("\x1b[2K")  # the line is cleared


@pytest.mark.parametrize(("terminal", "delay"), [(True, 3600), (False, 0)])
def test_quick_operation_or_no_terminal_shows_nothing(terminal, delay):
    screen = Screen(terminal)
    with ProgressBar(screen, delay=delay).waiting("giving the room back"):
        pass
    assert screen.written == ""


def test_delay_starts_again_after_a_finished_operation():
    screen, moments = Screen(True), iter([0.0, 2.0, 2.0, 2.5])
    bar = ProgressBar(screen, now=lambda: next(moments))
    bar("first", 1, 2)
    bar("first", 2, 2)
    written = screen.written
    bar("second", 1, 2)
    assert "first" in written and screen.written == written

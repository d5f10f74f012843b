"""The command line as a person sees it: on a pseudo terminal, which POSIX systems have."""

import os
import re
import select
import signal
import subprocess
import sys
import time

import approval_agents
import pytest
from asking_agents import EFFECTS, refund
from graphs import config, plain_graph, said
from locations import SUPPORT
from run_helpers import effects

import threads

try:
    import pty
except ImportError:
    pty = None

__test__ = pty is not None
"""Where there are no pseudo terminals, as on Windows, pytest finds no tests in here."""
PATIENCE = 60


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *words, program=(sys.executable, "-m", "threads"), **environment):
        self.master, slave = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [*program, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "COLUMNS": "100", "TERM": "xterm", "PYTHONIOENCODING": "utf-8", **environment},
            preexec_fn=lambda: signal.signal(
                signal.SIGINT, signal.SIG_DFL
            ),  # a shell's background job ignores it
        )
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

    def type(self, words):
        os.write(self.master, words.encode())

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def interrupt_input(self):
        """Ctrl+C until the command, which reads a line, ends: one that comes before it reads has no effect."""
        for _ in range(12):
            self.interrupt()
            if self.speaks_within(PATIENCE / 12):
                return

    def speaks_within(self, seconds):
        """Whether something is shown, or the command ends, in that time."""
        return bool(select.select([self.master], [], [], seconds)[0])

    def until(self, pattern):
        """What is shown up to where `pattern` matches; it is forgotten then."""
        while not (found := re.search(pattern, self.shown)):
            more = self._more()
            assert more, f"{pattern!r} never came: {self.shown!r}"
            self.shown += more
        before, self.shown = self.shown[: found.end()], self.shown[found.end() :]
        return before

    def rest(self):
        """What is shown until the command ends, and how it ends."""
        while more := self._more():
            self.shown += more
        return self.shown, self.process.wait(PATIENCE)

    def _more(self):
        deadline = time.monotonic() + PATIENCE
        ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"nothing came for {PATIENCE} s after {self.shown!r}"
        try:
            return os.read(self.master, 65536).decode(errors="replace")
        except OSError:  # Linux: the command has closed its end
            return ""


def on_screen(*words, **environment):
    with Terminal(*words, **environment) as terminal:
        shown, code = terminal.rest()
    assert code == 0, shown
    return shown


def plain(shown):
    """What is shown without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THREADS_MODEL", "offline")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return tmp_path


@pytest.fixture
def registry(here):
    with threads.open(here / "threads.db") as registry:
        yield registry


def test_ls_draws_a_table_with_short_ids_that_find_the_thread(registry):
    registry.create(title="Refund for Alice", agent_id="support", tags=["vip"])
    registry.create(id="mine", title="x" * 300)
    registry.update("mine", pinned=True)
    shown = plain(on_screen("ls"))
    head, second, first = shown.rstrip().splitlines()
    assert head.split() == ["id", "title", "messages", "last", "activity", "agent", "preview"]
    assert "Refund for Alice" in first and "just now" in first and "support" in first
    assert second.startswith("mine ") and "pinned: xxx" in second and "…" in second
    assert max(map(len, shown.splitlines())) <= 100
    short = first.split()[0]
    assert len(short) == 13 and "Refund for Alice" in plain(on_screen("show", short))


@pytest.mark.slow
def test_markup_and_control_characters_are_escaped(registry):
    plain_graph(registry.checkpointer).invoke(
        said("\x1b]0;owned\x07[red]red[/red]\x9b2J\u202e:smile:"), config("[bold]id[/bold]")
    )
    for words in (["ls"], ["show", "-"], ["ls", "--json"]):
        shown = on_screen(*words, COLUMNS="200")
        assert "[red]red[/red]" in shown and ":smile:" in shown and "[bold]id[/bold]" in shown
        assert not re.search("[\x07\x9b\u202e]|\x1b\\]", shown)
        assert "owned" in shown


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_table_fits_the_encoding_of_the_terminal(registry, encoding):
    registry.create(title="☕ " * 60)
    shown = plain(on_screen("ls", PYTHONIOENCODING=encoding))
    assert r"\u2615" in shown and max(map(len, shown.splitlines())) <= 100


def test_empty_list_says_so(registry):
    assert "no threads\r\n" in on_screen("ls")


@pytest.mark.slow
def test_prune_and_compact_print_rounded_sizes(registry):
    for number in range(20):
        plain_graph(registry.checkpointer).invoke(said(f"{number} " + "x" * 2000), config("a"))
    shown = on_screen("prune", "--dry-run")
    assert (
        re.search(r"59 checkpoints \(\d+(\.\d)? MB\) would be deleted", shown)
        and "threads compact" not in shown
    )
    shown = on_screen("prune", "--keep", "2")
    assert re.search(r"58 checkpoints \(\d+(\.\d)? MB\) deleted", shown)
    assert "threads compact returns the space" in shown
    shown = on_screen("compact")
    assert "1 checkpoint (" in shown
    assert re.search(r"threads\.db took [\d.]+ MB and takes \d+ kB now: [\d.]+ MB won", shown)
    assert re.search(r"copy\.db has \d+ kB", on_screen("backup", "copy.db"))


def test_rm_asks_for_confirmation(registry):
    registry.create(id="mine", title="Dear")
    with Terminal("rm", "mine") as terminal:
        assert "Dear" in terminal.until(r"delete permanently\? \[y/N\]")
        terminal.type("n\n")
        assert terminal.rest()[1] == 1
    assert registry.get("mine").title == "Dear"
    with Terminal("rm", "mine") as terminal:
        terminal.until(r"\[y/N\]")
        terminal.type("y\n")
        assert terminal.rest()[1] == 0
    assert list(registry.list()) == []


@pytest.mark.slow
def test_send_streams_the_answer_and_names_the_tools_it_calls(here):
    shown = plain(
        on_screen(
            "send",
            "--new",
            "Where is order 1001?",
            "--agents",
            "agent.catalog:build_all",
            "--agent",
            "support",
        )
    )
    assert "calls look_up_order\r\n" in shown and "ParcelFox" in shown


STREAMED = {
    "with_model_in_tool": ["calls ponder", "That is the answer."],
    "deep_agent": ["I delegate.", "calls task", "The final answer."],
    "swarm": ["Bob knows that.", "calls transfer_to_bob", "calls weather", "It is sunny says Bob."],
    "summarizing": ["An answer."],
    "copying": ["Words of a model."],
}
"""What a person sees of the agents of `streaming_agents`, once each."""


@pytest.mark.slow
@pytest.mark.parametrize("name", STREAMED)
@pytest.mark.parametrize("word_seconds", ["0", "0.03"])
def test_send_shows_the_conversation_and_nothing_from_inside_of_tools(here, name, word_seconds):
    agents = ("--agents", f"streaming_agents:{name}")
    environment = {"PYTHONPATH": str(SUPPORT), "WORD_SECONDS": word_seconds}
    shown = plain(on_screen("send", "--new", "Hi", *agents, **environment))
    *answer, thread = [line for line in shown.splitlines() if line]
    assert answer == STREAMED[name] and thread.startswith("thread ")


@pytest.mark.slow
def test_chat_shows_the_conversation_and_nothing_from_inside_of_tools(here):
    environment = {"PYTHONPATH": str(SUPPORT), "WORD_SECONDS": "0.03"}
    with Terminal("chat", "--agents", "streaming_agents:deep_agent", **environment) as terminal:
        terminal.until("> ")
        terminal.type("Hi\n")
        shown = plain(terminal.until("final answer."))
        terminal.type("/quit\n")
        terminal.rest()
    assert "I delegate." in shown and "inner" not in shown and "inside" not in shown


AGENTS = """
from agent import build_agent
from langchain_core.language_models.fake_chat_models import FakeListChatModel

endless = "Hello " + "Alice " * 100_000
slow = build_agent(FakeListChatModel(responses=[endless, "It is Alice"], sleep=0.01), name="slow")
letters = build_agent(FakeListChatModel(responses=["\\x1b[2Jcleared\\x9b31m\\r\\n[b]done"]), name="letters")
"""


@pytest.fixture
def mine(here):
    (here / "mine.py").write_text(AGENTS)


@pytest.mark.slow
def test_control_sequence_split_between_chunks_is_escaped(mine):
    shown = on_screen("send", "--new", "hello", "--agents", "mine:letters")
    assert r"\x1b[2Jcleared\x9b31m" + "\r\n[b]done" in shown
    assert "\x1b[2J" not in shown and "\x9b" not in shown


@pytest.mark.slow
def test_ctrl_c_stops_the_answer_and_not_the_chat(mine, registry):
    with Terminal("chat", "--agents", "mine:slow") as terminal:
        terminal.until("> ")
        terminal.type("Hi, my name is Alice and I like green tea\n")
        terminal.until("Hello Alice")
        terminal.interrupt()
        terminal.until(r"\(stopped\)")
        terminal.until("> ")
        terminal.type("What is my name?\n")
        terminal.until("It is Alice")
        terminal.until("> ")
        terminal.type("\x04")
        shown, code = terminal.rest()
    assert code == 0 and "to continue: threads chat" in shown
    said = registry.messages(registry.list()[0].id)
    assert [message.role for message in said] == ["user", "assistant", "user", "assistant"]
    assert said[1].stopped and said[1].text.startswith("Hello Alice") and not said[3].stopped


@pytest.mark.slow
def test_ctrl_c_at_the_prompt_discards_the_line_and_prints_once_how_to_leave(here, registry):
    with Terminal("chat") as terminal:
        terminal.until("> ")
        for told in (r"\(Ctrl\+D or /quit leaves\)\s+> ", r"\n> "):
            terminal.type("half a line")
            terminal.until("half a line")
            terminal.interrupt()
            while not terminal.speaks_within(5):  # readline can miss one that comes just before it listens
                terminal.interrupt()
            assert "to continue" not in terminal.until(told)
        terminal.type("My name is Alice\n")
        terminal.until("Alice!")
        terminal.until("> ")
        terminal.type("\x04")
        shown, code = terminal.rest()
    assert code == 0 and "Traceback" not in shown and "leaves" not in shown
    assert registry.messages(registry.list()[0].id)[0].text == "My name is Alice"


@pytest.mark.slow
def test_error_in_a_chat_is_printed_and_the_chat_continues(here):
    with Terminal("chat") as terminal:
        terminal.until("> ")
        terminal.type("/switch nobody\n")
        terminal.until("Error: there is no thread 'nobody'")
        terminal.until("> ")
        terminal.type("/quit\n")
        assert terminal.rest()[1] == 0


CHOICE = r"Choose t, y, n, m \(Ctrl\+C: nothing is sent\): "
REFUND = ["--agents", "asking_agents:refund"]


@pytest.fixture
def asking(registry, monkeypatch):
    """A thread in which an agent asks whether it may pay a refund."""
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
    with threads.Runner(registry, {"refund": refund}) as runner:
        registry.create(id="a", title="A lamp", agent_id="refund")
        runner.start("a", "please").result(30)
    return registry


@pytest.mark.slow
@pytest.mark.parametrize(
    ("choice", "reply", "texts", "done"),
    [
        ("n", "kept", ["please", "kept"], []),
        ("y", "refunded", ["please", "refunded"], ["refunded"]),
        ("t", "refunded", ["please", "refunded"], ["refunded"]),
        ("m", r"answer to: refund\?", ["please", "no"], []),
    ],
)
def test_send_asks_what_a_text_means_while_an_interrupt_is_pending(asking, choice, reply, texts, done):
    with Terminal("send", "a", "no", *REFUND) as terminal:
        shown = terminal.until(CHOICE)
        assert (
            "answer to: refund?" in shown and "counts as true" in shown and "discards the question" in shown
        )
        terminal.type("no\n")  # is no letter that is offered
        terminal.until(CHOICE)
        terminal.type(f"{choice}\n")
        terminal.until(reply)
        assert terminal.rest()[1] == 0
    assert [message.text for message in asking.messages("a")] == texts and effects(EFFECTS) == done


@pytest.mark.slow
@pytest.mark.parametrize(("leave", "code"), [("interrupt", 130), ("\x04", 1)])
def test_leaving_the_prompt_sends_nothing(asking, leave, code):
    with Terminal("send", "a", "yes", *REFUND) as terminal:
        terminal.until(CHOICE)
        terminal.interrupt_input() if leave == "interrupt" else terminal.type(leave)
        shown, ended = terminal.rest()
    assert ended == code and "Traceback" not in shown
    assert asking.runs("a").total == 1 and effects(EFFECTS) == []


@pytest.mark.slow
def test_prompt_follows_a_typed_text(asking):
    with Terminal("send", "a", *REFUND) as terminal:
        terminal.until("end it with Ctrl")
        terminal.type("no\n\x04")
        terminal.until(CHOICE)
        terminal.type("n\n")
        terminal.until("kept")
        assert terminal.rest()[1] == 0
    assert effects(EFFECTS) == []


@pytest.mark.slow
def test_prompt_is_not_written_to_stdout(asking, here):
    script = f"{sys.executable} -m threads send a no --agents asking_agents:refund > answer.txt"
    with Terminal(script, program=["sh", "-c"]) as terminal:
        terminal.until(CHOICE)
        terminal.type("n\n")
        assert terminal.rest()[1] == 0
    assert (here / "answer.txt").read_text() == "kept\n"


@pytest.mark.slow
def test_chat_asks_what_a_line_means_while_an_interrupt_is_pending(asking):
    with Terminal("chat", "a", *REFUND) as terminal:
        assert "answer to: refund?" in terminal.until("/resume .*\n")
        terminal.until("> ")
        for leave, prompt in (("interrupt", "> "), ("\x04", "> ")):
            terminal.type("no\n")
            terminal.until(CHOICE)
            terminal.interrupt_input() if leave == "interrupt" else terminal.type(leave)
            terminal.until(r"\(nothing was sent\)")
            terminal.until(prompt)
        assert asking.runs("a").total == 1
        terminal.type("no\n")
        terminal.until(CHOICE)
        terminal.type("n\n")
        terminal.until("kept")
        terminal.until("> ")
        terminal.type("/quit\n")
        assert terminal.rest()[1] == 0
    assert [message.text for message in asking.messages("a")] == ["please", "kept"]
    assert effects(EFFECTS) == []


@pytest.mark.slow
def test_input_typed_ahead_is_discarded_by_the_prompt(asking):
    with Terminal("chat", "a", *REFUND) as terminal:
        terminal.until("> ")
        terminal.type("no\ny\n")
        terminal.until(CHOICE)
        terminal.type("n\n")
        terminal.until("kept")
        terminal.until("> ")
        terminal.type("\x04")
        assert terminal.rest()[1] == 0
    assert effects(EFFECTS) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("choice", "reply", "done"),
    [("a", "paid 10 to Ann", ["pay:10:Ann"]), ("r", "with reason: too much", []), ("s", "too much", [])],
)
def test_send_asks_what_a_text_decides_while_a_tool_call_waits(registry, monkeypatch, choice, reply, done):
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
    with threads.Runner(registry, {"one": approval_agents.one}) as runner:
        registry.create(id="a", agent_id="one")
        runner.start("a", "please").result(30)
    with Terminal("send", "a", "too much", "--agents", "approval_agents:one") as terminal:
        shown = terminal.until(r"Choose a, r, s, m \(Ctrl\+C: nothing is sent\): ")
        assert 'pay {"amount": 10, "to": "Ann"} [approve, edit, reject, respond]' in plain(shown)
        assert "is the answer, as a text" not in shown
        terminal.type("t\n")  # is no letter that is offered
        terminal.until("Choose a, r, s, m ")
        terminal.type(f"{choice}\n")
        terminal.until(reply)
        assert terminal.rest()[1] == 0
    assert effects(EFFECTS) == done
    assert registry.interrupts("a") == ()


def test_show_ends_with_the_pending_interrupt(asking):
    shown = plain(on_screen("show", "a"))
    assert shown.rstrip().endswith(
        "question\r\nrefund?\r\n\r\nanswer\r\nthreads resume a (--yes | --no | --text TEXT | --json VALUE)"
    )

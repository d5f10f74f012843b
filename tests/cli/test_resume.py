"""Open questions at the command line: shown, answered by `resume`, never by a text that only looks so."""

import json
import re

import asking_agents
import pytest
from asking_agents import EFFECTS
from click.testing import CliRunner
from graphs import Plain, compiled
from langchain_core.messages import AIMessage
from langgraph.types import interrupt
from run_helpers import Gate, effects

import threads
from threads.cli.group import threads as group

QUESTION = re.compile(r"[0-9a-f]{32}")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("THREADS_DB", raising=False)
    return tmp_path


def call(*words, input=None, code=0):
    """The result of a command that ends with `code`."""
    result = CliRunner().invoke(group, list(words), input=input)
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    return result


def ask(agent, id="a"):
    """A thread in which this agent waits for an answer, and the options that bring the agent along."""
    call("new", "--id", id)
    call("send", id, "please", "--agents", f"asking_agents:{agent}")
    return ["--agents", f"asking_agents:{agent}"]


def said(id="a"):
    with threads.open("threads.db") as registry:
        return [message.text for message in registry.messages(id)]


def run_count(id="a"):
    with threads.open("threads.db") as registry:
        return registry.runs(id).total


# threads send


def test_text_is_sent_to_the_channel_of_the_messages(here):
    sent = call("send", "--new", "hello", "--agents", "typed_agents:other_channel")
    assert "from elsewhere" in sent.stdout
    with threads.open("threads.db") as registry:
        assert said(registry.list()[0].id) == ["hello", "from elsewhere"]


@pytest.mark.parametrize("words", [["send", "--new", "hello"], ["chat"]])
def test_agent_that_takes_no_messages_leaves_no_thread(here, words):
    refused = call(*words, "--agents", "typed_agents:no_messages", input="hello\n", code=2)
    assert "agent 'no_messages' takes no messages" in refused.stderr and "input=" not in refused.stderr
    with threads.open("threads.db") as registry:
        assert registry.list().total == 0


# threads resume


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (["--yes"], True),
        (["--no"], False),
        (["--text", "no"], "no"),
        (["--text", ""], ""),
        (["--text", "--yes"], "--yes"),
        (["--json", '{"decisions": [{"type": "approve"}]}'], {"decisions": [{"type": "approve"}]}),
        (["--json", "null"], None),
        (["--json", "3"], 3),
        (["--json", '"no"'], "no"),
    ],
)
def test_resume_answers_with_the_value_of_its_option(answer, value):
    agents = ask("echo")
    assert call("resume", "a", *answer, *agents).stdout == f"{value!r}\n"
    assert said() == ["please", repr(value)]


def test_resume_no_answers_false():
    agents = ask("refund")
    assert call("resume", "-", "--no", *agents).stdout == "kept\n"
    assert effects(EFFECTS) == []


def test_resume_yes_answers_true_once():
    agents = ask("refund")
    assert call("resume", "-", "--yes", *agents).stdout == "refunded\n"
    again = call("resume", "-", "--yes", *agents, code=1)
    assert "Thread 'a' has no pending interrupt." in again.stderr and "threads send a" in again.stderr
    assert effects(EFFECTS) == ["refunded"]


def test_resume_takes_a_prefix_of_an_existing_id():
    agents = ask("refund", "a-long-id")
    assert call("resume", "a-lo", "--no", *agents).stdout == "kept\n"
    call("resume", "nobody", "--no", *agents, code=3)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([], "an answer is required: --yes, --no, --text TEXT or --json VALUE"),
        (["--yes", "--no"], "one answer only"),
        (["--text", "x", "--json", "1"], "one answer only"),
        (["--json", "{'a': 1}"], "is not JSON: Expecting property name enclosed in double quotes"),
        (["--json", "yes"], "--text yes"),
        (["--json", ""], "is not JSON"),
        (["--json", "NaN"], "NaN is not a JSON value"),
        (["--json", "[" * 100_000], "nested too deeply"),
        (["--yes", "--question", "none"], "is not one of"),
    ],
)
def test_invalid_answer_is_a_usage_error_and_sends_nothing(answer, words):
    agents = ask("refund")
    assert words in call("resume", "a", *answer, *agents, code=2).stderr
    assert run_count() == 1 and effects(EFFECTS) == []


def test_resume_without_an_answer_prints_the_interrupt():
    agents = ask("refund")
    shown = call("resume", "a", *agents, code=2).stderr
    assert "the agent waits for an answer to: refund?" in shown and "threads resume a (--yes" in shown


def test_question_option_selects_one_of_several_interrupts():
    agents = ask("two")
    shown = call("resume", "a", "--text", "x", *agents, code=2).stderr
    assert "left" in shown and "right" in shown and "2 pending interrupts" in shown
    by_text = {text: id for id, text in re.findall(r"\(question (\w+)\): (\w+)", shown)}
    half = call("resume", "a", "--text", "x", "--question", by_text["left"][:12], *agents)
    assert "right" in half.stderr and "left" not in half.stderr
    call("resume", "a", "--text", "y", *agents)
    assert sorted(said()) == ["left: x", "please", "right: y"]


def test_several_interrupts_are_answered_at_once_by_their_ids():
    agents = ask("two")
    ids = [each["id"] for each in json.loads(call("show", "a", "--json").stdout)["interrupts"]]
    call("resume", "a", "--json", json.dumps(dict.fromkeys(ids, "x")), *agents)
    assert sorted(said()) == ["left: x", "please", "right: x"]


def test_resume_continues_at_a_breakpoint_without_an_answer():
    agents = ask("paused")
    for wrong in (["--yes"], ["--no"], ["--json", "null"], ["--text", "x", "--question", "0"]):
        refused = call("resume", "a", *wrong, *agents, code=2).stderr
        assert "Thread 'a' is paused at a breakpoint, which takes no answer." in refused
        assert "threads resume a" in refused and run_count() == 1
    refused = call("send", "a", "yes", "--answer", *agents, code=2).stderr
    assert "breakpoint, which takes no answer" in refused and run_count() == 1
    assert call("resume", "a", *agents).stdout == "gone on\n"


def plainly(agent, *inputs, id="a"):
    """A thread by plain invokes of this agent, and the option that brings the agent along."""
    with threads.open("threads.db") as registry:
        graph = getattr(asking_agents, agent).copy(update={"checkpointer": registry.checkpointer})
        for each in inputs:
            graph.invoke(each, {"configurable": {"thread_id": id}})
    return ["--agents", f"asking_agents:{agent}"]


@pytest.mark.parametrize("made", ["new", "a plain invoke"])
def test_resume_without_an_interrupt_loads_no_agent(made):
    if made == "new":
        call("new", "--id", "a")
    else:
        plainly("joined", {"messages": [("user", "please")]}, None)
    for agents in ("asking_agents:several", "no_such_module:agent"):
        refused = call("resume", "a", "--agents", agents, code=1).stderr
        assert "Thread 'a' has no pending interrupt." in refused
    assert json.loads(call("show", "a", "--json").stdout)["thread"]["agent_id"] is None


@pytest.mark.parametrize("agent", ["paused", "joined", "deferred"])
def test_resume_continues_a_plain_invoke_at_a_breakpoint(agent):
    agents = plainly(agent, {"messages": [("user", "please")]})
    assert call("resume", "a", *agents).stdout == "gone on\n"
    assert "no pending interrupt" in call("resume", "a", *agents, code=1).stderr


def test_resume_as_json_contains_the_next_interrupt():
    agents = ask("two")
    id = json.loads(call("show", "a", "--json").stdout)["interrupts"][0]["id"]
    told = json.loads(call("resume", "a", "--text", "x", "--question", id, "--as-json", *agents).stdout)
    assert set(told) == {"thread_id", "reply", "message", "interrupts"}
    assert len(told["interrupts"]) == 1 and told["interrupts"][0]["id"] != id


def test_reply_is_the_text_after_the_answer():
    agents = ask("talking")
    assert call("resume", "a", "--text", "yes", *agents).stdout == "So yes.\n"
    assert said() == ["please", "Let me see.", "So yes."]


def test_interrupt_is_not_pending_while_its_answer_runs(here):
    gate = Gate()

    def node(state):
        interrupt("sure?")
        gate.wait()
        return {"messages": [AIMessage("done")]}

    graph = compiled(Plain, node, None)
    with threads.open(here / "threads.db") as registry, threads.Runner(registry, {"slow": graph}) as runner:
        runner.start("a", "please", agent_id="slow", if_not_exists="create").result(30)
        run = runner.resume("a", "yes")
        assert gate.reached.wait(30)
        refused = call("resume", "a", "--no", code=1).stderr
        assert "no pending interrupt" in refused and "A run is active" in refused
        assert json.loads(call("show", "a", "--json").stdout)["interrupts"] == []
        gate.opened.set()
        run.result(30)


def test_failed_answer_prints_the_interrupt_that_can_be_answered_again(here):
    agents = ask("decisions")
    failed = call("resume", "a", "--yes", *agents, code=1).stderr
    assert "another answer: threads resume a" in failed and "threads retry a" in failed
    good = ["--json", '{"decisions": [{"type": "approve"}]}']
    assert call("resume", "a", *good, *agents).stdout == "approve\n"


def test_answer_of_a_failed_run_can_be_replaced(here):
    agents = ask("decisions")
    (here / "broken").touch()
    good = ["--json", '{"decisions": [{"type": "approve"}]}']
    failed = call("resume", "a", *good, *agents, code=1).stderr
    assert "ConnectionError: bank API timed out" in failed and "threads retry a" in failed
    (here / "broken").unlink()
    assert call("resume", "a", *good, *agents).stdout == "approve\n"


def test_resume_continues_the_interrupted_agent():
    call("new", "--id", "a", "--agent", "echo")
    call("send", "a", "please", "--agents", "asking_agents:several", "--agent", "refund")
    assert call("resume", "a", "--no", "--agents", "asking_agents:several").stdout == "kept\n"


def test_interrupt_of_a_trashed_thread_is_not_answered():
    agents = ask("refund")
    call("trash", "a")
    assert "is in the trash" in call("resume", "a", "--yes", *agents, code=1).stderr
    assert effects(EFFECTS) == []


def approve(agent, id="a"):
    """A thread in which this agent waits for decisions, and the options that bring the agent along."""
    call("new", "--id", id)
    call("send", id, "please", "--agents", f"approval_agents:{agent}")
    return ["--agents", f"approval_agents:{agent}"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "done"),
    [
        (["--approve"], ["pay:10:Ann"]),
        (["--edit", '{"amount": 5}'], ["pay:5:Ann"]),
        (["--reject", "too much"], []),
        (["--reject", ""], []),
        (["--respond", "paid in cash"], []),
        (["--json", '{"decisions": [{"type": "approve"}]}'], ["pay:10:Ann"]),
    ],
)
def test_resume_decides_about_tool_calls(answer, done):
    agents = approve("one")
    call("resume", "a", *answer, *agents)
    assert effects(EFFECTS) == done
    assert json.loads(call("show", "a", "--json").stdout)["interrupts"] == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([], "an answer is required: --approve, --reject REASON or --json VALUE"),
        (["--yes"], "This interrupt needs --approve or --reject."),
        (["--text", "yes"], "This interrupt needs --approve or --reject."),
        (["--json", "true"], "True is not an object"),
        (["--json", '{"decisions": []}'], "fewer than 2 items"),
        (["--respond", "done"], "'respond' is not allowed for book (allowed: approve, reject)"),
        (
            ["--edit", '{"amount": 5}'],
            "--edit changes one call; 2 are pending. Pass one decision per call with --json.",
        ),
        (["--edit", "5"], "a JSON object"),
        (["--edit", "{"], "--edit: '{' is not JSON"),
        (["--approve", "--no"], "give one answer only, not --no and --approve"),
    ],
)
def test_answer_of_a_wrong_form_is_a_usage_error_and_starts_no_run(answer, words):
    """No agent is loaded for it: the form is known without one."""
    approve("both")
    refused = call("resume", "a", *answer, "--agents", "no_such_module:agent", code=2).stderr
    assert words in refused
    if "not an object" in words:
        assert "Allowed for pay: approve, edit, reject, respond; for book: approve, reject" in refused
    assert run_count() == 1 and effects(EFFECTS) == []
    assert len(json.loads(call("show", "a", "--json").stdout)["interrupts"]) == 1


def test_answer_of_another_kind_names_the_decisions():
    agents = approve("one")
    refused = call("resume", "a", "--no", *agents, code=2).stderr
    assert "This interrupt needs --approve, --edit, --reject or --respond." in refused
    assert run_count() == 1 and effects(EFFECTS) == []


def test_approve_is_refused_where_no_tool_call_waits():
    agents = ask("refund")
    refused = call("resume", "a", "--approve", *agents, code=2).stderr
    assert "--approve decides about tool calls" in refused and "--yes | --no" in refused
    assert run_count() == 1 and effects(EFFECTS) == []


def test_question_option_selects_one_of_several_tool_calls():
    agents = approve("each")
    questions = json.loads(call("show", "a", "--json").stdout)["interrupts"]
    by_name = {question["value"]["name"]: question["id"] for question in questions}
    assert "2 pending interrupts" in call("resume", "a", "--approve", *agents, code=2).stderr
    call("resume", "a", "--reject", "full", "--question", by_name["book"], *agents)
    call("resume", "a", "--approve", *agents)
    assert effects(EFFECTS) == ["pay:10:Ann"]


@pytest.mark.parametrize(("agent", "right"), [("colour", '"red"'), ("form", '{"colour": "red"}')])
def test_answer_is_checked_by_the_schema_of_the_graph(agent, right):
    agents = approve(agent)
    refused = call("resume", "a", "--json", right.replace("red", "blue"), *agents, code=2).stderr
    assert "'blue' is not one of 'red', 'green'" in refused and run_count() == 1
    assert "red" in call("resume", "a", "--json", right, *agents).stdout


@pytest.mark.parametrize("command", ["show", "resume", "send"])
def test_tool_calls_are_shown_with_their_decisions(command):
    agents = approve("both")
    words = {"show": ["show", "a"], "resume": ["resume", "a"], "send": ["send", "a", "hm"]}[command]
    shown = call(*words, *([] if command == "show" else agents), code=0 if command == "show" else 2)
    for part in (
        'pay {"amount": 10, "to": "Ann"} [approve, edit, reject, respond]',
        'book {"day": "Monday"} [approve, reject]',
        "threads resume a (--approve | --reject REASON | --json VALUE)",
    ):
        assert part in shown.output


def test_choices_of_a_schema_are_shown():
    approve("colour")
    assert 'expected\tone of "red", "green"\n' in call("show", "a").stdout
    approve("form", "b")
    assert "expected\ta value of the schema {" in call("show", "b").stdout


def test_breakpoint_is_shown_with_the_node_behind_it():
    ask("paused")
    shown = call("show", "a").stdout.splitlines()
    assert "paused\ta breakpoint before model" in shown and "continue\tthreads resume a" in shown
    [question] = json.loads(call("show", "a", "--json").stdout)["interrupts"]
    assert (question["kind"], question["value"]) == ("breakpoint", {"next": ["model"]})


def test_resume_of_an_agent_that_is_gone_names_the_remedy():
    ask("refund")
    other = ["--agents", "asking_agents:talking", "--agent", "talking"]
    gone = call("resume", "a", "--no", *other, code=1).stderr
    assert "no node of agent 'talking' waits for this answer" in gone and run_count() == 1
    call("new", "--id", "b", "--agent", "old")
    with (
        threads.open("threads.db") as registry,
        threads.Runner(registry, {"old": asking_agents.refund}) as old,
    ):
        old.start("b", "please").result(30)
    gone = call("resume", "b", "--no", "--agents", "asking_agents:refund", code=1).stderr
    assert "'old', which is not loaded" in gone and "--agent" in gone
    named = ["--agents", "asking_agents:refund", "--agent", "refund"]
    assert call("resume", "b", "--no", *named).stdout == "kept\n"
    assert effects(EFFECTS) == []


def test_retry_may_name_another_agent():
    agents = ask("decisions")
    call("resume", "a", "--text", "yes", *agents, code=1)
    other = ["--agents", "asking_agents:echo", "--agent", "echo"]
    assert call("retry", "a", *other).stdout == "'yes'\n"
    with threads.open("threads.db") as registry:
        assert registry.runs("a")[0].agent_id == "echo"


# send


@pytest.mark.parametrize("text", ["no", "yes", "What do you mean?"])
def test_send_without_a_terminal_refuses_a_text_while_an_interrupt_is_pending(text):
    agents = ask("refund")
    for words, input in ((["send", "-", text], None), (["send", "-"], text), (["send", "-", "-"], text)):
        refused = call(*words, *agents, input=input, code=2)
        assert refused.stdout == ""
        for part in ("refund?", "Nothing was sent.", "threads resume a (--yes", "--answer", "--message"):
            assert part in refused.stderr
    assert said() == ["please"] and run_count() == 1 and effects(EFFECTS) == []


def test_send_with_answer_option_answers_an_interrupt_that_is_a_text():
    agents = ask("talking")
    assert call("send", "-", "very", "--answer", *agents).stdout == "So very.\n"
    assert said() == ["please", "Let me see.", "So very."]


@pytest.mark.parametrize("agent", ["echo", "review"])
def test_send_with_answer_option_refuses_a_text_for_other_interrupts(agent):
    agents = ask(agent)
    refused = call("send", "-", "very", "--answer", *agents, code=2).stderr
    for part in ("an answer that is not a text", "Nothing was sent.", "threads resume a (--"):
        assert part in refused
    assert run_count() == 1


@pytest.mark.parametrize(
    ("text", "remedy"), [("no", "--no"), ("FALSE ", "--no"), ('{"a": 1}', "--json '{\"a\": 1}'")]
)
def test_send_with_answer_option_refuses_a_text_that_means_another_value(text, remedy):
    agents = ask("refund")
    refused = call("send", "-", text, "--answer", *agents, code=2).stderr
    assert (
        f"`threads resume a {remedy}`" in refused and "--text" in refused and "Nothing was sent." in refused
    )
    assert run_count() == 1 and effects(EFFECTS) == []


def test_send_with_message_option_sends_a_new_message():
    agents = ask("refund")
    asked = call("send", "-", "no", "--message", *agents).stderr
    assert "refund?" in asked
    assert said() == ["please", "no"] and effects(EFFECTS) == []


def test_answer_option_requires_a_pending_interrupt():
    call("new", "--id", "a")
    assert "no pending interrupt" in call("send", "a", "x", "--answer", code=1).stderr
    assert "no pending interrupt" in call("send", "--new", "x", "--answer", code=2).stderr
    assert run_count() == 0


def test_text_does_not_answer_one_of_several_interrupts():
    agents = ask("two")
    assert "--question" in call("send", "-", "x", "--answer", *agents, code=2).stderr
    assert run_count() == 1


def test_message_option_works_without_an_interrupt():
    call("send", "--new", "hi", "--message", "--agents", "asking_agents:paused")
    assert call("ls").stdout.count("\n") == 1


# chat


def test_chat_line_from_a_pipe_is_not_an_answer():
    agents = ask("refund")
    refused = call("chat", "-", *agents, input="no\nnever sent\n", code=2).stderr
    assert "refund?" in refused and "/resume (--yes" in refused and "/message TEXT" in refused
    assert said() == ["please"] and effects(EFFECTS) == []


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("/resume --no", "False"),
        ("/resume --yes", "True"),
        ("/resume --text no way", "'no way'"),
        ('/resume --json {"most": 2}', "{'most': 2}"),
    ],
)
def test_chat_answers_by_resume(line, reply):
    agents = ask("echo")
    assert call("chat", "-", *agents, input=f"{line}\n").stdout == f"{reply}\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/resume", "an answer is required: /resume"),
        ("/resume no", "an answer is required: /resume"),
        ("/resume --no way", "takes no value"),
        ("/resume --text", "takes a value"),
        ("/resume --json {", "is not JSON"),
        ("/resume --question none --yes", "is not one of"),
        ("/resume --approve", "--approve decides about tool calls"),
        ("/resume --approve yes", "takes no value"),
        ("/resume --reject", "takes a value"),
    ],
)
def test_invalid_resume_in_a_chat_answers_nothing(line, words):
    agents = ask("refund")
    assert words in call("chat", "-", *agents, input=f"{line}\n", code=2).stderr
    assert run_count() == 1 and effects(EFFECTS) == []


def test_chat_resume_selects_one_of_several_interrupts():
    agents = ask("two")
    ids = [each["id"] for each in json.loads(call("show", "a", "--json").stdout)["interrupts"]]
    lines = [f"/resume --question {id} --text x" for id in ids]
    call("chat", "-", *agents, input="\n".join(lines))
    assert sorted(said()) == ["left: x", "please", "right: x"]


@pytest.mark.parametrize(
    ("line", "done"),
    [("/resume --approve", ["pay:10:Ann"]), ("/resume --reject too much", []),
     ('/resume --edit {"amount": 5}', ["pay:5:Ann"]), ("/resume --respond in cash", [])],
)  # fmt: skip
def test_chat_decides_about_tool_calls(line, done):
    agents = approve("one")
    call("chat", "-", *agents, input=f"{line}\n")
    assert effects(EFFECTS) == done and said()[-1] != ""


def test_chat_line_is_no_answer_to_tool_calls():
    agents = approve("one")
    refused = call("chat", "-", *agents, input="yes\n", code=2).stderr
    assert 'pay {"amount": 10, "to": "Ann"}' in refused
    assert "/resume (--approve | --edit JSON | --reject REASON | --respond TEXT | --json VALUE)" in refused
    assert run_count() == 1 and effects(EFFECTS) == []


def test_chat_resume_continues_at_a_breakpoint_once():
    agents = ask("paused")
    assert call("chat", "-", *agents, input="/resume\n").stdout == "gone on\n"
    assert "no pending interrupt" in call("chat", "-", *agents, input="/resume --yes\n", code=1).stderr
    assert "there are no messages yet" in call("chat", *agents, input="/resume --yes\n", code=2).stderr


def test_chat_message_command_sends_a_new_message():
    agents = ask("refund")
    call("chat", "-", *agents, input="/message no\n")
    assert said() == ["please", "no"] and effects(EFFECTS) == []


# show


def test_show_prints_the_pending_interrupt_and_the_command_to_answer():
    ask("refund")
    facts = call("show", "a").stdout.split("\n\n")[0].splitlines()
    assert "question\trefund?" in facts
    assert "answer\tthreads resume a (--yes | --no | --text TEXT | --json VALUE)" in facts


def test_show_prints_an_interrupt_that_is_not_text_as_escaped_json():
    ask("echo")
    shown = call("show", "a").stdout
    assert (
        r"question" + "\t" + r'{"question": "how many?\u001b[2J", "most": 3}' in shown and "\x1b" not in shown
    )
    [question] = json.loads(call("show", "a", "--json").stdout)["interrupts"]
    assert question["value"] == {"question": "how many?\x1b[2J", "most": 3} and QUESTION.fullmatch(
        question["id"]
    )


def test_interrupt_is_escaped_for_the_terminal():
    agents = ask("nasty")
    shown = [
        call("show", "a"),
        call("show", "a", "--json"),
        call("resume", "a", *agents, code=2),
        call("send", "a", "x", *agents, code=2),
        call("chat", "a", *agents, input="x\n", code=2),
        call("send", "a", "x", "--message", *agents),
    ]
    for result in shown:
        assert "owned" in result.output and not re.search("[\x1b\x07\x9b\u202e]", result.output)


def test_answer_expected_by_langchains_middleware_is_printed():
    agents = ask("review")
    for shown in (call("resume", "a", *agents, code=2).stderr, call("show", "a").stdout):
        assert """--json '{"decisions": [{"type": "approve"}, {"type": "approve"}]}'""" in shown
        assert "approve, edit" in shown


def test_show_prints_the_error_of_the_last_run_and_the_remedy():
    agents = ask("decisions")
    call("resume", "a", "--text", "yes", *agents, code=1)
    told = json.loads(call("show", "a", "--json").stdout)["last_run"]
    assert (told["status"], told["kind"]) == ("error", "resume") and "TypeError" in told["error"]
    facts = dict(line.split("\t", 1) for line in call("show", "a").stdout.split("\n\n")[0].splitlines())
    assert facts["failed"] == told["error"] and facts["run"] == told["id"]
    assert facts["retry"] == "threads retry a" and facts["question"] == "which decisions?"


def test_show_prints_no_remedy_after_a_successful_run():
    agents = ask("refund")
    call("resume", "a", "--no", *agents)
    told = json.loads(call("show", "a", "--json").stdout)
    assert told["interrupts"] == [] and told["last_run"]["status"] == "success"
    assert not re.search(r"^(question|answer|failed|run|retry)\t", call("show", "a").stdout, re.MULTILINE)
    call("new", "--id", "empty")
    assert json.loads(call("show", "empty", "--json").stdout)["last_run"] is None

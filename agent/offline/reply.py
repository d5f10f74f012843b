"""Making one reply: what to say, or which tool to call.

The steps of a turn, first come first served: results that a tool just gave back; a call the caller
insists on; questions, answered one by one from recall, tools, sums and small talk; and, when nothing was
asked, a word that shows what was taken in. Every step is a function of the messages and the bound tools,
so the same conversation always gets the same reply, in this thread and no other.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolCall

from agent.offline.acknowledge import acknowledge, with_hello
from agent.offline.answers import answer
from agent.offline.arguments import fill, filler, several
from agent.offline.conversation import Conversation, last_answer, listen
from agent.offline.looking_back import look_back
from agent.offline.persona import about_itself
from agent.offline.questions import parts as questions_in
from agent.offline.questions import trimmed
from agent.offline.recall import recall
from agent.offline.results import in_words, pending_results
from agent.offline.smalltalk import ABILITIES, small_talk
from agent.offline.statements import bare_clause
from agent.offline.text import Clause, clauses, topics
from agent.offline.toolbox import ToolSpec, searching, specs, suited, tool_call

_ASKING = "Could you tell me the "
_REQUEST = re.compile(
    r"(?:please |can you |could you |I (?:want|need|would like|am trying) to |I would like |help me "
    r")*(?:look|check|track|find|search|calculate|compute|convert|"
    r"show|list|get|tell|explain|define|give|book|send|cancel|add|multiply|divide|subtract|translate|"
    r"where|what|look up|see|know|status)\b",
    re.IGNORECASE,
)


_POINTS = re.compile(r"\b(?:it|they|them|this|that|these|those)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Reply:
    """What the model answers: words, or tool calls."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()


def reply_to(
    messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]] = (), tool_choice: str | None = None
) -> Reply:
    """The reply to a conversation; `tool_choice` is None, "none", "any" or a tool's name."""
    if results := pending_results(messages):
        return Reply(in_words(results))
    talk = listen(messages)
    known = [] if tool_choice == "none" else specs(tools)
    if tool_choice not in {None, "none", "auto"} and (forced := _forced(talk, known, tool_choice)):
        return forced
    return _in_turn(talk, known)


def _forced(talk: Conversation, tools: Sequence[ToolSpec], choice: str | None) -> Reply | None:
    named = [tool for tool in tools if tool.name == choice] or tools
    if not named:
        return None
    tool = suited(talk.last, named, _ready(talk.last, talk)) or named[0]
    args, missing = fill(tool, talk.last, talk)
    args |= {name: filler(tool.properties.get(name, {})) for name in missing}
    return Reply(calls=(tool_call(tool, args, _place(talk)),))


def _in_turn(talk: Conversation, tools: Sequence[ToolSpec]) -> Reply:
    if not talk.said:
        return Reply("Hello! How can I help?")
    parts = clauses(talk.last)
    if request := _continued(talk):
        tool = suited(request, tools, _ready(request, talk))
        if tool and not fill(tool, request, talk)[1]:
            return _use(tool, request, talk)
    asked = [each for clause in parts if clause.asks for each in questions_in(clause.text)]
    if reply := _by_tool(parts, talk, tools):
        return reply
    answers = [answer(question, talk, _abilities(tools)) for question in asked]
    if not answers or (
        all(said.chat for said in answers) and any(fact.kind != "note" for fact in talk.fresh)
    ):
        return Reply(acknowledge(talk, [clause.text for clause in parts], _abilities(tools)))
    told = " ".join(dict.fromkeys(said.text for said in answers))
    return Reply(with_hello(talk, told))


def _ready(request: str, talk: Conversation) -> Callable[[ToolSpec], int]:
    """How many arguments of a tool the conversation holds; -1 when one is missing."""

    def count(tool: ToolSpec) -> int:
        args, missing = fill(tool, request, talk)
        return -1 if missing else len(args)

    return count


def _continued(talk: Conversation) -> str | None:
    """The earlier request together with the detail just given, when the model had asked for it."""
    if last_answer(talk.messages).startswith(_ASKING) and len(talk.said) > 1:
        return f"{talk.said[-2]} {talk.last}"
    return None


def _by_tool(parts: Sequence[Clause], talk: Conversation, tools: Sequence[ToolSpec]) -> Reply | None:
    for clause in parts if tools else ():
        if not (clause.asks or _REQUEST.match(bare_clause(clause.text))):
            continue
        if clause.asks and _without_tools(clause.text, talk):
            continue
        if tool := suited(clause.text, tools, _ready(clause.text, talk)):
            return _use(tool, clause.text, talk)
        if reply := _of_it(clause, talk, tools):
            return reply
        if tool := _for_the_world(clause, tools):
            return _use(tool, clause.text, talk)
    return None


def _of_it(clause: Clause, talk: Conversation, tools: Sequence[ToolSpec]) -> Reply | None:
    """A tool for "Where is it?", when what "it" is was just said and is what the tool needs."""
    if not (clause.asks and _POINTS.search(clause.text)):
        return None
    asked = topics(clause.text)
    if reply := _same_again(asked, talk, tools):
        return reply
    for fact in talk.notebook.newest_first():
        if fact.turn < len(talk.said) - 2 or fact.denied:
            break
        for tool in tools:
            fits = tool.name_words & fact.topics and asked <= tool.topics and tool.required
            if fits and tool.arguments & frozenset(fact.key) and not fill(tool, clause.text, talk)[1]:
                return _use(tool, clause.text, talk)
    return None


def _same_again(asked: frozenset[str], talk: Conversation, tools: Sequence[ToolSpec]) -> Reply | None:
    """The call made for the turn before, when the question is about what it looked up."""
    recent = talk.messages[-6:]
    calls = [call for message in recent if isinstance(message, AIMessage) for call in message.tool_calls]
    tool = next((tool for tool in tools if calls and tool.name == calls[-1]["name"]), None)
    if tool is None or not tool.required or not asked <= tool.topics:
        return None
    return Reply(calls=(tool_call(tool, calls[-1]["args"], _place(talk)),))


def _without_tools(question: str, talk: Conversation) -> bool:
    """Whether the conversation itself answers a question, so that no tool is needed."""
    answer = recall(question, talk)
    bare = trimmed(bare_clause(question))
    return bool(
        (answer and answer.known)
        or about_itself(bare, talk)
        or look_back(bare, talk)
        or small_talk(bare, None)
    )


def _for_the_world(clause: Clause, tools: Sequence[ToolSpec]) -> ToolSpec | None:
    about_us = re.search(r"\b(?:I|me|my|mine|we|our|you|your)\b", clause.text, re.IGNORECASE)
    return searching(tools) if clause.asks and topics(clause.text) and not about_us else None


def _use(tool: ToolSpec, request: str, talk: Conversation) -> Reply:
    args, missing = fill(tool, request, talk)
    if missing:
        return Reply(f"{_ASKING}{' and the '.join(name.replace('_', ' ') for name in missing)}, please?")
    named = several(tool, request)
    if len(named) > 1:
        all_args = [{**args, tool.required[0]: each} for each in named]
        return Reply(calls=tuple(tool_call(tool, each, _place(talk), n) for n, each in enumerate(all_args)))
    return Reply(calls=(tool_call(tool, args, _place(talk)),))


def _place(talk: Conversation) -> str:
    """Where in the conversation a call is made: no two turns share it."""
    last = talk.messages[-1] if talk.messages else None
    return f"{len(talk.messages)}|{len(talk.said)}|{last.id if last else ''}|{talk.last}"


def _abilities(tools: Sequence[ToolSpec]) -> str:
    if not tools:
        return ABILITIES
    names = ", ".join(tool.name.replace("_", " ") for tool in tools)
    return f"I can chat, remember what you tell me in this conversation, and use my tools: {names}."

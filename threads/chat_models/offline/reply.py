"""One reply: what to say, or which tool to call.

The first of these steps that applies: the results that a tool just gave back; a call the caller insists on;
the questions, answered one by one from recall, tools, sums and small talk; and, without a question, an
acknowledgment. Every step is a function of the messages and the bound tools, so the same conversation always
gets the same reply.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage

from threads.chat_models.offline.dialogue import (
    Dialogue,
    is_human,
    last_answer,
    read_dialogue,
    text_of,
)
from threads.chat_models.offline.recall import recall, split_question, trim_question
from threads.chat_models.offline.statements import ABILITIES, bare_clause, find_small_talk
from threads.chat_models.offline.text import Clause, pattern, sentence, split_clauses, topics
from threads.chat_models.offline.text_answers import (
    acknowledge,
    add_greeting,
    answer_about_dialogue,
    answer_question,
)
from threads.chat_models.offline.tool_selection import (
    ToolSpec,
    fill_arguments,
    find_identifiers,
    find_search_tool,
    find_suitable_tool,
    make_empty_value,
    make_tool_call,
    read_tool_specs,
)

_ASK_ARGUMENT = "Could you tell me the "
_REQUEST = pattern("{REQUEST}")
_FOLLOW_UP = pattern(r"(?:and|what about|how about)\b")
_POINTER = pattern(r"\b(?:it|they|them|this|that|these|those)\b")
_ABOUT_US = pattern(r"\b(?:I|me|my|mine|we|our|you|your)\b")


@dataclass(frozen=True)
class OfflineReply:
    """What the model answers: words, or tool calls."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()


def reply_to(
    messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]] = (), tool_choice: str | None = None
) -> OfflineReply:
    """Return the reply to a conversation; `tool_choice` is None, "none", "any" or a tool's name."""
    if results := _list_pending_results(messages):
        return OfflineReply(_results_in_words(results))
    dialogue = read_dialogue(messages)
    known = [] if tool_choice == "none" else read_tool_specs(tools)
    if known and tool_choice not in {None, "none", "auto"}:
        return _forced_call(dialogue, known, tool_choice)
    if not dialogue.user_texts:
        return OfflineReply("Hello! How can I help?")
    return _continued_call(dialogue, known) or _call_for(dialogue, known) or _reply_in_words(dialogue, known)


def _reply_in_words(dialogue: Dialogue, tools: Sequence[ToolSpec]) -> OfflineReply:
    abilities = ABILITIES
    if tools:
        names = ", ".join(tool.name.replace("_", " ") for tool in tools)
        abilities = f"I can chat, remember what you tell me in this conversation, and use my tools: {names}."
    parts = split_clauses(dialogue.last_text)
    questions = [each for clause in parts if clause.is_question for each in split_question(clause.text)]
    answers = [answer_question(question, dialogue, abilities) for question in questions]
    states_more = any(fact.kind != "note" for fact in dialogue.newest_facts)
    if not answers or (states_more and all(is_small_talk for _, is_small_talk in answers)):
        return OfflineReply(acknowledge(dialogue, [clause.text for clause in parts], abilities))
    return OfflineReply(add_greeting(dialogue, " ".join(dict.fromkeys(text for text, _ in answers))))


# Tool calls


def _forced_call(dialogue: Dialogue, tools: Sequence[ToolSpec], choice: str | None) -> OfflineReply:
    named = [tool for tool in tools if tool.name == choice] or tools
    tool = find_suitable_tool(dialogue.last_text, named, dialogue) or named[0]
    args, missing = fill_arguments(tool, dialogue.last_text, dialogue)
    args |= {name: make_empty_value(tool.properties.get(name, {})) for name in missing}
    return OfflineReply(calls=(make_tool_call(tool, args, dialogue),))


def _continued_call(dialogue: Dialogue, tools: Sequence[ToolSpec]) -> OfflineReply | None:
    """Return the call for the earlier request, with the argument that the model requested."""
    if not last_answer(dialogue.messages).startswith(_ASK_ARGUMENT) or len(dialogue.user_texts) < 2:
        return None
    request = f"{dialogue.user_texts[-2]} {dialogue.last_text}"
    tool = find_suitable_tool(request, tools, dialogue)
    return _use(tool, request, dialogue) if tool and not fill_arguments(tool, request, dialogue)[1] else None


def _call_for(dialogue: Dialogue, tools: Sequence[ToolSpec]) -> OfflineReply | None:
    """Return the call that answers a question or request; None where the conversation itself answers it."""
    for clause in split_clauses(dialogue.last_text) if tools else ():
        if not (clause.is_question or _REQUEST.match(bare_clause(clause.text))):
            continue
        if clause.is_question and _needs_no_tool(clause.text, dialogue):
            continue
        if tool := find_suitable_tool(clause.text, tools, dialogue):
            return _use(tool, clause.text, dialogue)
        if (
            clause.is_question
            and _FOLLOW_UP.match(clause.text)
            and (reply := _call_again(clause, dialogue, tools))
        ):
            return reply
        if (
            clause.is_question
            and _POINTER.search(clause.text)
            and (reply := _call_for_it(clause, dialogue, tools))
        ):
            return reply
        is_about_world = clause.is_question and topics(clause.text) and not _ABOUT_US.search(clause.text)
        if is_about_world and (tool := find_search_tool(tools)):
            return _use(tool, clause.text, dialogue)
    return None


def _needs_no_tool(question: str, dialogue: Dialogue) -> bool:
    answer = recall(question, dialogue)
    bare = trim_question(bare_clause(question))
    return bool((answer and answer.known) or answer_about_dialogue(bare, dialogue) or find_small_talk(bare))


def _call_again(clause: Clause, dialogue: Dialogue, tools: Sequence[ToolSpec]) -> OfflineReply | None:
    """Return the call just made with another argument: "And in Rome?"."""
    recent = [call for m in dialogue.messages[-6:] if isinstance(m, AIMessage) for call in m.tool_calls]
    tool = next((tool for tool in tools if recent and tool.name == recent[-1]["name"]), None)
    if tool is None or not tool.required or len(clause.text.split()) > 5:
        return None
    args, missing = fill_arguments(tool, clause.text, dialogue)
    return None if missing or args == recent[-1]["args"] else _use(tool, clause.text, dialogue)


def _call_for_it(clause: Clause, dialogue: Dialogue, tools: Sequence[ToolSpec]) -> OfflineReply | None:
    """Return a call for "Where is it?": the one just made again, or one for what was just mentioned."""
    wanted = topics(clause.text)
    recent = [call for m in dialogue.messages[-6:] if isinstance(m, AIMessage) for call in m.tool_calls]
    for tool in tools:
        if recent and tool.name == recent[-1]["name"] and tool.required and wanted <= tool.topics:
            return OfflineReply(calls=(make_tool_call(tool, recent[-1]["args"], dialogue),))
    for fact in dialogue.facts.newest_first():
        if fact.turn < len(dialogue.user_texts) - 2 or fact.denied:
            break
        for tool in tools:
            suits = tool.name_stems & fact.topics and wanted <= tool.topics and tool.required
            if (
                suits
                and tool.argument_stems & set(fact.key)
                and not fill_arguments(tool, clause.text, dialogue)[1]
            ):
                return _use(tool, clause.text, dialogue)
    return None


def _use(tool: ToolSpec, request: str, dialogue: Dialogue) -> OfflineReply:
    args, missing = fill_arguments(tool, request, dialogue)
    if missing:
        names = " and the ".join(name.replace("_", " ") for name in missing)
        return OfflineReply(f"{_ASK_ARGUMENT}{names}, please?")
    named = find_identifiers(tool, request)
    all_args = [{**args, tool.required[0]: each} for each in named] if len(named) > 1 else [args]
    return OfflineReply(
        calls=tuple(make_tool_call(tool, each, dialogue, n) for n, each in enumerate(all_args))
    )


# Results

_MAX_RESULT_CHARS = 1_500
"""Characters of a tool's result that are repeated."""


def _list_pending_results(messages: Sequence[BaseMessage]) -> list[ToolMessage]:
    """Return the tool results that came after the user's last message."""
    start = max((place + 1 for place, message in enumerate(messages) if is_human(message)), default=0)
    return [message for message in messages[start:] if isinstance(message, ToolMessage)]


def _results_in_words(results: Sequence[ToolMessage]) -> str:
    """Return an answer made of the results, one after the other, the same result once."""
    return "\n".join(dict.fromkeys(_result_in_words(result) for result in results))


def _result_in_words(result: ToolMessage) -> str:
    text = text_of(result)
    if result.status == "error":
        return f"I'm sorry, that didn't work: {_cut(text) or 'the tool gave no reason.'}"
    if not text:
        return "That's done; there was nothing more to report."
    try:
        data = json.loads(text) if text[:1] in '{["' else None
    except json.JSONDecodeError:
        return _cut(text)
    if data is None:
        return f"The answer is {text}." if len(text) < 30 and " " not in text else _cut(text)
    if isinstance(data, dict) and data:
        found = ", ".join(f"{key.replace('_', ' ')}: {_value_in_words(value)}" for key, value in data.items())
        return _cut(sentence(f"here is what I found: {found}"))
    if isinstance(data, list) and data:
        return _cut("Here is what I found:\n" + "\n".join(f"- {_value_in_words(item)}" for item in data))
    return _cut(f"The answer is {data}.") if data else "I found nothing."


def _value_in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_value_in_words(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(_value_in_words(each) for each in value) or "none"
    if value is None:
        return "unknown"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_RESULT_CHARS else text[:_MAX_RESULT_CHARS].rsplit(" ", 1)[0] + " …"

"""Wrong solutions of exercise 01."""

from __future__ import annotations

from mistakes import Mistake

ASKED = '    reply = ask(agent, "retention", "What\'s my name?")\n'
STATE = """    question = {"messages": [{"role": "user", "content": "What's my name?"}]}
    state = agent.invoke(question, config_of("retention"))
    reply = state["messages"][-1].text
"""
LOOKED = '    if "Alice" not in reply:\n'
TURNS = """        "Hello, I'm Carol.",
        "My order number is 4711.",
        "What's my name?",
        "What's my order number?",
"""
TURN = """        print(f"  Carol: {text}\\n  Agent: {ask(agent, 'carol', text)}")"""
LINES = '[f"{message.type}: {message.text}" for message in messages]'

MISTAKES: dict[str, Mistake] = {
    "01: no checkpointer": Mistake(1, "no-checkpointer", (("build_agent(checkpointer=InMemorySaver())", "build_agent()"),), "01"),
    "01: one saver for all agents": Mistake(1, "agents-share-memory", (("def create_memory_agent", "SAVER = InMemorySaver()\n\n\ndef create_memory_agent"), ("checkpointer=InMemorySaver()", "checkpointer=SAVER")), "01"),
    "01: an agent that is not returned": Mistake(1, "returns-nothing", (("    return build_agent(", "    build_agent("),), "01"),
    "01: a test that only prints": Mistake(2, "always-passes", (('    if "Alice" not in reply:\n', "    if False:\n"),), "01"),
    "01: a verdict returned": Mistake(2, "returns-verdict", (('        raise AssertionError(f"Alice asked for her name and was told: {reply}")', "        return False"),), "01"),
    "01: True, always": Mistake(2, "returns-verdict", (('    print("[OK] The agent still knows Alice")', "    return True"),), "01"),
    "01: two threads in the test": Mistake(2, "new-thread-each-turn", (('reply = ask(agent, "retention"', 'reply = ask(agent, "other"'),), "01"),
    "01: a test without an agent": Mistake(2, "nobody-spoke", (('    ask(agent, "retention", "Hi, I\'m Alice.")\n    reply = ask(agent, "retention", "What\'s my name?")', '    reply = "Your name is Alice!"'),), "01"),
    "01: a thread for each turn": Mistake(3, "new-thread-each-turn", (("{ask(agent, 'carol', text)}", "{ask(agent, text, text)}"),), "01"),
    "01: two turns": Mistake(3, "too-short", (('        "My order number is 4711.",\n        "What\'s my name?",\n', ""),), "01"),
    "01: nothing returned": Mistake(3, "wrong-thread-returned", (('    return "carol"', ""),), "01"),
    "01: the whole history each turn": Mistake(3, "history-resent", (("    for text in (\n        \"Hello,", "    history = []\n    for text in (\n        \"Hello,"), ("        print(f\"  Carol: {text}\\n  Agent: {ask(agent, 'carol', text)}\")", "        history.append({'role': 'user', 'content': text})\n        agent.invoke({'messages': history}, config_of('carol'))")), "01"),
    "01: the whole state each turn": Mistake(3, "history-resent", (("    for text in (\n        \"Hello,", "    history = []\n    for text in (\n        \"Hello,"), ("        print(f\"  Carol: {text}\\n  Agent: {ask(agent, 'carol', text)}\")", "        history.append({'role': 'user', 'content': text})\n        reply = agent.invoke({'messages': history}, config_of('carol'))['messages'][-1].text\n        history.append({'role': 'assistant', 'content': reply})")), "01"),
    "01: small talk": Mistake(3, "needs-no-memory", (('        "Hello, I\'m Carol.",\n        "My order number is 4711.",\n        "What\'s my name?",\n        "What\'s my order number?",\n', '        "Hello.", "Good morning.", "Bye.",\n'),), "01"),
    "01: the question is enough": Mistake(2, "own-words", (('    reply = ask(agent, "retention", "What\'s my name?")', '    ask(agent, "retention", "What\'s my name?")\n    reply = str(agent.get_state(config_of("retention")).values["messages"])'),), "01"),
    "01: messages for lines": Mistake(4, "lines-not-text", (('[f"{message.type}: {message.text}" for message in messages]', "list(messages)"),), "01"),
    "01: a config for an id": Mistake(3, "wrong-thread-returned", (('    return "carol"', '    return config_of("carol")'),), "01"),
    "01: always the same thread": Mistake(4, "wrong-lines", (("agent.get_state(config_of(thread_id))", 'agent.get_state(config_of("inspected"))'),), "01"),
    "01: no thread without messages": Mistake(4, "silent-thread", (('.values.get("messages", [])', '.values["messages"]'),), "01"),
    "01: a count of messages": Mistake(2, "names-nothing", ((ASKED, STATE), (LOOKED, '    if len(state["messages"]) != 4:\n')), "01"),
    "01: a sentence without the name": Mistake(2, "names-nothing", ((LOOKED, '    if "Your name is" not in reply:\n'),), "01"),
    "01: no excuse is enough": Mistake(2, "names-nothing", ((LOOKED, '    if "don\'t know" in reply:\n'),), "01"),
    "01: any of the replies": Mistake(2, "earlier-reply", ((ASKED, STATE), (LOOKED, '    if not any("Alice" in m.text for m in state["messages"] if m.type == "ai"):\n')), "01"),
    "01: the greeting": Mistake(2, "earlier-reply", ((ASKED, STATE), (LOOKED, '    if "Alice" not in state["messages"][1].text:\n')), "01"),
    "01: a reply without its end": Mistake(2, "too-strict", (('    return str(state["messages"][-1].text)', '    return str(state["messages"][-1].text)[:-1]'),), "01"),
    "01: the sentence to the letter": Mistake(2, "too-strict", ((LOOKED, '    if reply != "Your name is Alice!":\n'),), "01"),
    "01: the text for the speaker": Mistake(4, "no-speaker", (("{message.type}: {message.text}", "{message.text}: {message.text}"),), "01"),
    "01: another error": Mistake(2, "not-assertion", (("        raise AssertionError(", "        raise ValueError("),), "01"),
    "01: a small question": Mistake(3, "needs-no-memory", ((TURNS, '        "Hello.", "How are you?", "Nice weather.",\n'),), "01"),
    "01: asked before it is told": Mistake(3, "needs-no-memory", ((TURNS, '        "What\'s my name?", "What\'s my name?", "I\'m Carol.",\n'),), "01"),
    "01: the state sent back each turn": Mistake(3, "history-resent", (('    for text in (\n        "Hello,', '    history = []\n    for text in (\n        "Hello,'), (TURN, "        history.append({'role': 'user', 'content': text})\n        history = agent.invoke({'messages': history}, config_of('carol'))['messages']")), "01"),
    "01: nobody's lines": Mistake(4, "no-speaker", ((LINES, "[message.text for message in messages]"),), "01"),
    "01: everything is the user's": Mistake(4, "no-speaker", ((LINES, '[f"human: {message.text}" for message in messages]'),), "01"),
    "01: numbered lines": Mistake(4, "no-speaker", ((LINES, '[f"{number}: {message.text}" for number, message in enumerate(messages)]'),), "01"),
    "01: the newest first": Mistake(4, "lines-order", ((LINES, LINES + "[::-1]"),), "01"),
    "01: short lines": Mistake(4, "lines-cut", ((LINES, '[f"{message.type}: {message.text[:12]}" for message in messages]'),), "01"),
    "01: one text": Mistake(4, "lines-not-text", ((LINES, f'"\\n".join({LINES})'),), "01"),
    "01: a line for nothing": Mistake(4, "silent-lines", ((LINES, LINES + ' or ["(nothing)"]'),), "01"),
    "01: a checkpointer in name only": Mistake(1, "no-checkpointer", (("checkpointer=InMemorySaver()", "checkpointer=True"),), "01"),
    "01: one agent for all": Mistake(1, "same-agent", (("    return build_agent(checkpointer=InMemorySaver())", "    globals().setdefault('AGENT', build_agent(checkpointer=InMemorySaver()))\n    return AGENT"),), "01"),
}  # fmt: skip

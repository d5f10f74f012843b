"""Wrong solutions of the exercises, each made from the right one, with the finding that has to tell it apart."""

from __future__ import annotations

from typing import NamedTuple


class Mistake(NamedTuple):
    """What is changed in the solution, the task in which it shows, and the finding."""

    task: int
    finding: str
    changes: tuple[tuple[str, str], ...]
    exercise: str = "02"


CREATE = "thread = self.registry.create(id=thread_id, metadata="
ALICE_ASKS = 'expect(talk(agent, alice, "What\'s my name?"), "Alice", never="Bob")'
BOB_ASKS = 'expect(talk(agent, bob, "Do you know who I am?"), "Bob", never="Alice")'
LEAKS = "    check(not leaks,"
CACHED = """
    agent, answers = build_agent(checkpointer=memory), {}

    class Cached:
        get_state, checkpointer = agent.get_state, agent.checkpointer

        def invoke(self, given, config):
            text = given["messages"][-1]["content"]
            if text not in answers:
                answers[text] = agent.invoke(given, config)
            return answers[text]

    return Cached()
"""
CLOSURE = """
    agent, history = build_agent(checkpointer=memory), []

    class Closure:
        get_state, checkpointer = agent.get_state, agent.checkpointer

        def invoke(self, given, config):
            history.extend(given["messages"])
            return agent.invoke({"messages": list(history)}, config)

    return Closure()
"""
PER_CALL = """
    class PerCall:
        def get_state(self, config):
            return build_agent(checkpointer=InMemorySaver()).get_state(config)

        def invoke(self, given, config):
            return build_agent(checkpointer=InMemorySaver()).invoke(given, config)

    return PerCall()
"""
HARD_CODED = '''    print("""
Thread: alice_session
  Alice: Hi, I'm Alice.
  Agent: Hello Alice! How can I help?

Thread: bob_session
  Bob: Hey, I'm Bob.
  Agent: Hi Bob! What can I do for you?

Thread: alice_session
  Alice: What's my name?
  Agent: Your name is Alice!

Thread: bob_session
  Bob: Do you know who I am?
  Agent: Yes, you're Bob!""")
    return
    alice ='''
FIRST_BODY = """    alice = thread_manager.create_thread("Alice", "alice_session")
    bob = thread_manager.create_thread("Bob", "bob_session")
    talk("""
TEST_BODY = """    alice = thread_manager.create_thread("Alice", "alice_session")
    bob = thread_manager.create_thread("Bob", "bob_session")
    for thread"""
PRINTED_TEST = """    print("[OK] alice_session correctly identifies user as Alice")
    print("[OK] bob_session correctly identifies user as Bob")
    print("[OK] Threads are properly isolated!")
    return True
"""

MISTAKES: dict[str, Mistake] = {
    "a constant id": Mistake(1, "constant-id", ((CREATE, 'thread = self.registry.create(id=thread_id or "t1", metadata='),)),
    "a constant id handed to anybody": Mistake(
        1,
        "constant-id",
        (
            (CREATE, 'thread = self.registry.create(id=thread_id or "t1", metadata='),
            ("            raise threads.ThreadExists(thread.id)\n", "            self.registry.update(thread.id, metadata={'customer': customer})\n            thread = self.registry.get(thread.id)\n"),
        ),
    ),
    "an id from the name": Mistake(1, "id-from-name", ((CREATE, "thread = self.registry.create(id=thread_id or customer.lower(), metadata="),)),
    "no id at all": Mistake(1, "no-id", (("return ThreadInfo(thread.id,", "return ThreadInfo(None,"),)),
    "the given id thrown away": Mistake(1, "id-ignored", ((CREATE, "thread = self.registry.create(metadata="),)),
    "somebody else's id handed out": Mistake(1, "taken-id", (("        if thread.metadata.get(\"customer\") != customer:\n            raise threads.ThreadExists(thread.id)\n", "        thread = self.registry.update(thread.id, metadata={'customer': customer})\n"),)),
    "the same id refused": Mistake(1, "same-id-refused", ((', if_exists="do_nothing")', ")"),)),
    "a forgotten return": Mistake(1, "returns-nothing", (("        return self._info(thread)\n", "        self._info(thread)\n"),)),
    "a Thread for a ThreadInfo": Mistake(1, "no-thread-info", (("        return self._info(thread)\n", "        return thread\n"),)),
    "an unknown id begun": Mistake(1, "unknown-id-accepted", (("self._info(self.registry.get(thread_id))", "self._info(self.registry.create(id=thread_id, metadata={'customer': 'Ann'}, if_exists='do_nothing'))"),)),
    "a file": Mistake(1, "leaves-file", (('threads.open(":memory:")', 'threads.open("support.db")'),)),
    "one registry for all managers": Mistake(
        1,
        "shared-between-managers",
        (
            ("class ThreadManager:", 'REGISTRY = threads.open(":memory:")\n\n\nclass ThreadManager:'),
            ('ThreadManager(threads.open(":memory:"))', "ThreadManager(REGISTRY)"),
            ("        self.registry.close()\n", "        pass\n"),
        ),
    ),
    "a module-level list": Mistake(
        1,
        "shared-between-managers",
        (
            ("class ThreadManager:", "KNOWN = []\n\n\nclass ThreadManager:"),
            ("        return self._info(thread)\n", "        KNOWN[:0] = [self._info(thread)]\n        return KNOWN[0]\n"),
            ("        return self.get_thread_info(thread_id)\n", "        info = self.get_thread_info(thread_id)\n        KNOWN[:] = [info, *(each for each in KNOWN if each.thread_id != thread_id)]\n        return info\n"),
            ("[self._info(thread) for thread in self.registry.list(limit=1000)]", "KNOWN"),
        ),
    ),
    "an order of its own": Mistake(1, "list-order", (("for thread in self.registry.list(limit=1000)]", 'for thread in self.registry.list(sort_by="created_at")]'),)),
    "a list without the silent": Mistake(1, "list-misses", (("for thread in self.registry.list(limit=1000)]", "for thread in self.registry.list() if thread.message_count]"),)),
    "a list of the latest twenty": Mistake(1, "list-short", (("self.registry.list(limit=1000)]", "self.registry.list()]"),)),
    "a list of a hundred": Mistake(1, "list-short", (("self.registry.list(limit=1000)]", "self.registry.list(limit=100)]"),)),
    "one manager for all": Mistake(
        1,
        "shared-between-managers",
        (
            ('    return ThreadManager(threads.open(":memory:"))', "    return MANAGER"),
            ("def create_multi_thread_agent(", 'MANAGER = ThreadManager(threads.open(":memory:"))\n\n\ndef create_multi_thread_agent('),
        ),
    ),
    "one registry for all managers, closed by the first": Mistake(
        1,
        "shared-between-managers",
        (
            ("class ThreadManager:", 'REGISTRY = threads.open(":memory:")\n\n\nclass ThreadManager:'),
            ('ThreadManager(threads.open(":memory:"))', "ThreadManager(REGISTRY)"),
        ),
    ),
    "a constant id, and nobody looks whose it is": Mistake(
        1,
        "constant-id",
        (
            (CREATE, 'thread = self.registry.create(id=thread_id or "all", metadata='),
            ("        if thread.metadata.get(\"customer\") != customer:\n            raise threads.ThreadExists(thread.id)\n", ""),
        ),
    ),
    "an id from the name, refused the second time": Mistake(1, "id-from-name", ((CREATE, "thread = self.registry.create(id=thread_id or customer.lower(), metadata="), (', if_exists="do_nothing")', ")"))),
    "a count from the beginning": Mistake(1, "stale-count", (("thread.updated_at, thread.message_count)", "thread.updated_at, 0)"),)),
    "no checkpointer": Mistake(1, "no-checkpointer", (("build_agent(checkpointer=memory)", "build_agent()"),)),
    "a saver per call": Mistake(1, "saver-per-call", (("    return build_agent(checkpointer=memory)\n", PER_CALL),)),
    "a cache keyed on the words": Mistake(1, "cached-answers", (("    return build_agent(checkpointer=memory)\n", CACHED),)),
    "a history in a closure": Mistake(1, "agent-leaks", (("    return build_agent(checkpointer=memory)\n", CLOSURE),)),
    "a crash": Mistake(1, "crashed", (("customer = thread.metadata.get", "customer = thread.nothing.get"),)),
    "hard-coded answers": Mistake(2, "nobody-spoke", ((FIRST_BODY, HARD_CODED + FIRST_BODY.split("alice =", 1)[1]),)),
    "an agent of its own": Mistake(2, "nobody-spoke", ((FIRST_BODY, "    agent = create_multi_thread_agent(thread_manager)\n" + FIRST_BODY),)),
    "a config without a thread": Mistake(2, "no-thread-id", (('return {"configurable": {"thread_id": self.thread_id}}', "return {}"),)),
    "one thread for all": Mistake(2, "not-opened", (('{"thread_id": self.thread_id}', '{"thread_id": "all"}'),)),
    "swapped ids": Mistake(2, "swapped-ids", (('talk(agent, alice, "Hi, I\'m Alice.")', 'talk(agent, bob, "Hi, I\'m Alice.")'), ('talk(agent, bob, "Hey, I\'m Bob.")', 'talk(agent, alice, "Hey, I\'m Bob.")'), ('talk(agent, alice, "What\'s my name?")', 'talk(agent, bob, "What\'s my name?")'), ('talk(agent, bob, "Do you know who I am?")', 'talk(agent, alice, "Do you know who I am?")'))),
    "one call in the wrong thread": Mistake(2, "two-in-one", (('talk(agent, bob, "Hey, I\'m Bob.")', 'talk(agent, alice, "Hey, I\'m Bob.")'),)),
    "all in Alice's thread": Mistake(2, "one-thread-for-all", (('bob = thread_manager.create_thread("Bob", "bob_session")\n    talk', "bob = alice\n    talk"),)),
    "one after the other": Mistake(2, "not-in-turns", (('    talk(agent, bob, "Hey, I\'m Bob.")\n    ' + ALICE_ASKS, "    " + ALICE_ASKS + '\n    talk(agent, bob, "Hey, I\'m Bob.")'),)),
    "nobody asks": Mistake(2, "never-asked", ((ALICE_ASKS, "pass"), (BOB_ASKS, "pass"))),
    "nobody is introduced": Mistake(2, "no-introduction", (('"Hi, I\'m Alice."', '"Hi."'),)),
    "replies that nobody reads": Mistake(2, "blind", (("    if name not in reply or never in reply:\n        raise AssertionError", "    if False:\n        raise AssertionError"),)),
    "the customer's own words": Mistake(2, "own-words", (('    return str(state["messages"][-1].text)', '    return " ".join(each.text for each in state["messages"])'),)),
    "an agent for each call": Mistake(2, "nobody-spoke", ((FIRST_BODY.rsplit("    talk(", 1)[0], "    agent = build_agent(checkpointer=InMemorySaver())\n" + FIRST_BODY.rsplit("    talk(", 1)[0]),)),
    "a check that is wrong": Mistake(2, "own-check-fails", (('"Alice", never="Bob")', '"alice", never="Bob")'),)),
    "a test that prints [OK]": Mistake(3, "nobody-spoke", ((TEST_BODY, PRINTED_TEST + TEST_BODY),)),
    "True, always": Mistake(3, "returns-verdict", (("    if not passed:\n        raise AssertionError(bad)\n", ""), (f"{LEAKS} \"Threads are properly isolated!\", f\"Words of one thread are in another: {{leaks}}\")", "    return True"))),
    "a verdict returned": Mistake(3, "returns-verdict", (("    for thread in (alice, bob):\n        reply = ask", "    if 'Alice' not in ask(agent, alice, 'Who am I?'):\n        return False\n    for thread in (alice, bob):\n        reply = ask"),)),
    "a test of nothing": Mistake(3, "always-passes", (("    if not passed:\n        raise AssertionError(bad)\n", ""),)),
    "answers only": Mistake(3, "answers-only", ((LEAKS, "    check(True,"),)),
    "a look into Alice's memory only": Mistake(3, "one-sided", ((', *names_in(agent, bob, ["Alice"])]', "]"),)),
    "a look into Bob's memory only": Mistake(3, "one-sided", (('*names_in(agent, alice, ["Bob"]), ', ""),)),
    "the customer's own words in the test": Mistake(3, "own-words", (('        reply = ask(agent, thread, "What\'s my name?")', '        ask(agent, thread, "What\'s my name?")\n        reply = str(agent.get_state(thread.config).values["messages"])'),)),
    "other names": Mistake(3, "not-alice-and-bob", ((TEST_BODY, TEST_BODY.replace('"Bob"', '"Dora"')),)),
    "nobody comes back": Mistake(4, "never-returns", (("    thread = thread_manager.get_thread_info(thread_id)\n    reply = talk(agent, thread, question)\n", "    return\n"),)),
    "a new thread each visit": Mistake(4, "new-thread-each-visit", (("    thread = thread_manager.get_thread_info(thread_id)\n", "    thread = thread_manager.create_thread(thread_manager.get_thread_info(thread_id).customer)\n"), ('    check(\n        topic in reply,', '    check(\n        True,'))),
    "a new thread each visit, and a check": Mistake(4, "new-thread-each-visit", (("    thread = thread_manager.get_thread_info(thread_id)\n", "    thread = thread_manager.create_thread(thread_manager.get_thread_info(thread_id).customer)\n"),)),
    "no mistyped id": Mistake(4, "no-invalid-id", (('    refuse(thread_manager, "alise_session")\n', ""),)),
    "a mistyped id begun": Mistake(4, "not-opened", (('    refuse(thread_manager, "alise_session")\n', '    agent.invoke({"messages": [{"role": "user", "content": "Hi"}]}, {"configurable": {"thread_id": "alise_session"}})\n'),)),
    "a show that nobody watches": Mistake(4, "blind-switching", (("    check(\n        topic in reply,", "    check(\n        True,"),)),
}  # fmt: skip

NOTHING = (("    if not passed:\n        raise AssertionError(bad)\n", ""),)
VISIT = "    with open_registry(path) as registry:\n        agent ="

MISTAKES |= {
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
    "02: threads in the list": Mistake(1, "no-thread-info", (("[self._info(thread) for thread in self.registry.list(limit=1000)]", "list(self.registry.list())"),)),
    "stretch: threads for ids": Mistake(4, "wrong-kind", (("registry.trash(thread.id).id for", "registry.trash(thread.id) for"),), "stretch"),
    "01: always the same thread": Mistake(4, "wrong-lines", (("agent.get_state(config_of(thread_id))", 'agent.get_state(config_of("inspected"))'),), "01"),
    "01: no thread without messages": Mistake(4, "silent-thread", (('.values.get("messages", [])', '.values["messages"]'),), "01"),
    "03: in memory": Mistake(1, "not-in-the-file", (("threads.open(path)", 'threads.open(":memory:")'),), "03"),
    "03: a file of its own": Mistake(1, "not-in-the-file", (("threads.open(path)", 'threads.open(path.with_name("mine.db"))'),), "03"),
    "03: a new file each time": Mistake(1, "file-emptied", (("    return threads.open(path)", "    path.unlink(missing_ok=True)\n    return threads.open(path)"),), "03"),
    "03: only the saver": Mistake(1, "no-registry", (("return threads.open(path)", "return threads.open(path).checkpointer"),), "03"),
    "03: an agent with another memory": Mistake(2, "not-in-the-file", (("        agent = create_durable_agent(registry)", "        from langgraph.checkpoint.memory import InMemorySaver\n        agent = build_agent(checkpointer=InMemorySaver())"),), "03"),
    "03: left open": Mistake(2, "left-open", ((VISIT, "    registry = open_registry(path)\n    globals().setdefault('OPEN', []).append(registry)\n    if True:\n        agent ="),), "03"),
    "03: the whole state": Mistake(2, "wrong-reply", (('return str(state["messages"][-1].text)', "return str(state)"),), "03"),
    "03: a thread made at each visit": Mistake(2, "second-visit-fails", ((VISIT, VISIT.replace("        agent =", "        registry.create(id=thread_id)\n        agent =")),), "03"),
    "03: one thread for all": Mistake(2, "visits-mixed", (('{"thread_id": thread_id}', '{"thread_id": "all"}'),), "03"),
    "03: no restart": Mistake(3, "no-restart", (("    visit_in_new_process(path, \"alice_session\"", "    visit(path, \"alice_session\""), ("reply = visit_in_new_process(", "reply = visit(")), "03"),
    "03: nobody comes back": Mistake(3, "never-returns", (('visit_in_new_process(path, "alice_session", "What', 'visit_in_new_process(path, "alice_again", "What'),), "03"),
    "03: another file for the other thread": Mistake(3, "two-files", (('visit_in_new_process(path, "bob_session"', 'visit_in_new_process(tmp_path / "bob.db", "bob_session"'),), "03"),
    "03: another file for the same thread": Mistake(3, "two-files", (('reply = visit_in_new_process(path, "alice_session"', 'reply = visit_in_new_process(tmp_path / "again.db", "alice_session"'),), "03"),
    "03: nobody else is asked": Mistake(3, "one-thread-only", (('"bob_session", "What', '"alice_session", "What'), ('check("Alice" not in reply', 'check("Bob" not in reply')), "03"),
    "03: a test of nothing": Mistake(3, "always-passes", NOTHING, "03"),
    "03: others are not looked at": Mistake(3, "others-unasked", (('check("Alice" not in reply,', "check(True,"),), "03"),
    "03: a book of this process": Mistake(4, "list-empty", (("for thread in registry.list(limit=1000)]", "for thread in globals().get('KNOWN', [])]"),), "03"),
    "03: the latest twenty": Mistake(4, "list-short", (("registry.list(limit=1000)]", "registry.list()]"),), "03"),
    "03: threads for rows": Mistake(4, "wrong-kind", (("[(thread.id, thread.title, thread.message_count) for thread in registry.list(limit=1000)]", "list(registry.list(limit=1000))"),), "03"),
    "03: no titles": Mistake(4, "list-wrong", (("(thread.id, thread.title,", "(thread.id, thread.id,"),), "03"),
    "stretch: one page": Mistake(1, "not-all", (("    while page.next_cursor:", "    while False:"),), "stretch"),
    "stretch: turned round": Mistake(1, "wrong-order", (("    return found\n", "    return found[::-1]\n"),), "stretch"),
    "stretch: everybody's threads": Mistake(1, "strangers", (("    return pages(registry, metadata=wanted)", "    return pages(registry)"),), "stretch"),
    "stretch: conditions for the first page only": Mistake(1, "strangers", (("    page = registry.list(limit=100, **conditions)", "    page = registry.list(limit=10, **conditions)"), ("cursor=page.next_cursor, **conditions)", "cursor=page.next_cursor)")), "stretch"),
    "stretch: an id from the name": Mistake(2, "old-thread", (('registry.create(metadata={"customer": customer})', 'registry.create(id=customer, metadata={"customer": customer}, if_exists="do_nothing")'),), "stretch"),
    "stretch: an id from the name, refused": Mistake(2, "old-thread", (('registry.create(metadata={"customer": customer})', 'registry.create(id=customer, metadata={"customer": customer})'),), "stretch"),
    "stretch: no customer": Mistake(2, "no-customer", (('registry.create(metadata={"customer": customer})', "registry.create()"),), "stretch"),
    "stretch: notes replaced": Mistake(3, "notes-lost", (("metadata=facts)", "metadata={**dict.fromkeys(registry.get(thread_id).metadata), **facts})"),), "stretch"),
    "stretch: times written down": Mistake(3, "noted-too-much", (("    thread = registry.update(thread_id, metadata=facts)\n", "    old = registry.get(thread_id)\n    facts |= {'created_at': old.created_at.isoformat(), 'last_active': old.updated_at.isoformat(), 'message_count': 0}\n    thread = registry.update(thread_id, metadata=facts)\n"),), "stretch"),
    "stretch: half a card": Mistake(3, "card-incomplete", (('        "last_active": thread.updated_at,\n', ""),), "stretch"),
    "stretch: pinned ones, too": Mistake(4, "cleaned-too-much", (("until=before, pinned=False", "until=before"),), "stretch"),
    "stretch: new ones, too": Mistake(4, "cleaned-too-much", (("until=before, pinned=False", "pinned=False"),), "stretch"),
    "stretch: erased at once": Mistake(4, "erased-at-once", (("[registry.trash(thread.id).id for thread in forgotten]", "[registry.delete(thread.id) or thread.id for thread in forgotten]"),), "stretch"),
    "stretch: one page of old ones": Mistake(4, "cleaned-too-little", (("forgotten = pages(registry, until=before, pinned=False)", "forgotten = registry.list(until=before, pinned=False)"),), "stretch"),
    "stretch: pages that move": Mistake(4, "cleaned-too-little", (("    forgotten = pages(registry, until=before, pinned=False)\n    return [registry.trash(thread.id).id for thread in forgotten]", "    gone = []\n    for offset in (0, 50, 100):\n        gone += [registry.trash(t.id).id for t in registry.list(until=before, pinned=False, limit=50, offset=offset)]\n    return gone"),), "stretch"),
    "stretch: nothing told": Mistake(4, "returns-nothing", (("    return [registry.trash(thread.id).id for thread in forgotten]", "    [registry.trash(thread.id).id for thread in forgotten]"),), "stretch"),
    "stretch: what was thrown away just now, too": Mistake(4, "cleaned-too-much", (("thread.trashed_at is not None and thread.trashed_at < before", "True"),), "stretch"),
}  # fmt: skip

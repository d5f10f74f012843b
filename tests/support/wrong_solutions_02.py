"""Wrong solutions of exercise 02."""

from __future__ import annotations

from mistakes import Mistake

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

INFO = "ThreadInfo(thread.id, customer, thread.created_at, thread.updated_at, thread.message_count)"
ACTIVITY = "        return self.get_thread_info(thread_id)\n"
MEMORY = '" ".join(message.text for message in agent.get_state(thread.config).values["messages"])'
FOUND = '    return [f"{name} in {thread.thread_id}" for name in names if name in memory]'

MISTAKES: dict[str, Mistake] = {
    "what Bob hears is not looked at": Mistake(2, "one-unchecked", (('"Bob", never="Alice")', '"", never="Alice")'),)),
    "one of three who come back is not looked at": Mistake(4, "one-unchecked", (('"What do I want to cancel?", "subscription"', '"What do I want to cancel?", ""'),)),
    "the last one left out of the list": Mistake(1, "list-short", (("self.registry.list(limit=1000)]", "self.registry.list(limit=1000)][:-1]"),)),
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
    "two changes of speaker": Mistake(2, "not-in-turns", ((f"    {ALICE_ASKS}\n    {BOB_ASKS}", f"    {BOB_ASKS}\n    {ALICE_ASKS}"),)),
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
    "answers only": Mistake(3, "answers-only", (('[*names_in(agent, alice, ["Bob"]), *names_in(agent, bob, ["Alice"])]', "[]"),)),
    "a look without a consequence": Mistake(3, "looks-past", ((LEAKS, "    check(True,"),)),
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
    "threads in the list": Mistake(1, "no-thread-info", (("[self._info(thread) for thread in self.registry.list(limit=1000)]", "list(self.registry.list())"),)),
    "times swapped": Mistake(1, "times-mixed", ((INFO, INFO.replace("created_at, thread.updated_at", "updated_at, thread.created_at")),)),
    "the last activity for both times": Mistake(1, "times-mixed", ((INFO, INFO.replace("created_at", "updated_at")),)),
    "the creation for both times": Mistake(1, "no-activity", ((INFO, INFO.replace("updated_at", "created_at")),)),
    "no last activity": Mistake(1, "no-activity", ((INFO, INFO.replace("thread.updated_at", "None")),)),
    "an activity invented": Mistake(1, "activity-invented", ((ACTIVITY, "        from dataclasses import replace\n        return replace(self.get_thread_info(thread_id), last_active=datetime.now().astimezone())\n"),)),
    "a file somewhere else": Mistake(1, "leaves-file", (('threads.open(":memory:")', 'threads.open(__file__ + f".{id(object())}.db")'),)),
    "a registry for a manager": Mistake(1, "no-manager", (('ThreadManager(threads.open(":memory:"))', 'threads.open(":memory:")'),)),
    "a place for a registry": Mistake(1, "no-registry", (('ThreadManager(threads.open(":memory:"))', 'ThreadManager(":memory:")'),)),
    "an id without its name": Mistake(1, "by-name", ((CREATE, "thread = self.registry.create(thread_id, metadata="),)),
    "another error": Mistake(2, "not-assertion", (('        raise AssertionError(f"{name} asked', '        raise ValueError(f"{name} asked'),)),
    "the greeting for the answer": Mistake(2, "earlier-reply", (('    return str(state["messages"][-1].text)', '    return str(state["messages"][1].text)'),)),
    "a reply without its end": Mistake(2, "too-strict", (('    return str(state["messages"][-1].text)', '    return str(state["messages"][-1].text)[:-1]'),)),
    "the name with an exclamation mark": Mistake(3, "too-strict", (("            thread.customer in reply,\n", '            f"{thread.customer}!" in reply,\n'),)),
    "nobody reads the answers": Mistake(3, "names-nothing", (("            thread.customer in reply,\n", "            True,\n"),)),
    "a text looked for among messages": Mistake(3, "looks-past", ((MEMORY, 'agent.get_state(thread.config).values["messages"]'),)),
    "all messages but the first": Mistake(3, "counts-only", ((MEMORY, '" ".join(message.text for message in agent.get_state(thread.config).values["messages"][1:])'),)),
    "only the agent's messages": Mistake(3, "counts-only", ((MEMORY, '" ".join(message.text for message in agent.get_state(thread.config).values["messages"] if message.type == "ai")'),)),
    "a count for a look": Mistake(3, "counts-only", ((FOUND, '    return [1] if len(agent.get_state(thread.config).values["messages"]) % 4 else []'),)),
}  # fmt: skip

"""Wrong solutions of exercise 03."""

from __future__ import annotations

from mistakes import Mistake

NOTHING = (("    if not passed:\n        raise AssertionError(bad)\n", ""),)
VISIT = "    with open_registry(path) as registry:\n        agent ="

MISTAKES: dict[str, Mistake] = {
    "03: in memory": Mistake(1, "not-in-the-file", (("threads.open(path)", 'threads.open(":memory:")'),), "03"),
    "03: a file of its own": Mistake(1, "not-in-the-file", (("threads.open(path)", 'threads.open(path.with_name("mine.db"))'),), "03"),
    "03: a new file each time": Mistake(1, "file-emptied", (("    return threads.open(path)", "    path.unlink(missing_ok=True)\n    return threads.open(path)"),), "03"),
    "03: only the saver": Mistake(1, "no-registry", (("return threads.open(path)", "return threads.open(path).checkpointer"),), "03"),
    "03: an agent with another memory": Mistake(2, "not-in-the-file", (("        agent = create_durable_agent(registry)", "        from langgraph.checkpoint.memory import InMemorySaver\n        agent = build_agent(checkpointer=InMemorySaver())"),), "03"),
    "03: left open": Mistake(2, "left-open", ((VISIT, "    registry = open_registry(path)\n    globals().setdefault('OPEN', []).append(registry)\n    if True:\n        agent ="),), "03"),
    "03: the whole state": Mistake(2, "wrong-reply", (('return str(state["messages"][-1].text)', "return str(state)"),), "03"),
    "03: the first reply each time": Mistake(2, "wrong-reply", (('state["messages"][-1]', 'state["messages"][1]'),), "03"),
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
    "03: only another wording": Mistake(3, "others-unasked", (('    reply = visit_in_new_process(path, "bob', '    first = reply\n    reply = visit_in_new_process(path, "bob'), ('check("Alice" not in reply,', "check(first != reply,")), "03"),
    "03: another error": Mistake(3, "not-assertion", (("        raise AssertionError(bad)", "        raise ValueError(bad)"),), "03"),
}  # fmt: skip

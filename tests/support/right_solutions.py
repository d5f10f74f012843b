"""Right solutions of the exercises in another style, which a rule against wrong ones could accuse."""

from __future__ import annotations

from typing import NamedTuple

from wrong_solutions_01 import ASKED, LINES, LOOKED, STATE, TURNS
from wrong_solutions_02 import ACTIVITY, FOUND, MEMORY


class Innocent(NamedTuple):
    """What is changed in the solution of an exercise, and the task in which it could look wrong."""

    exercise: str
    task: int
    changes: tuple[tuple[str, str], ...]


OWN_BOOK = """class ThreadManager(ThreadManager):
    def __init__(self, registry: threads.Registry) -> None:
        self.registry = registry
        self.book: dict[str, ThreadInfo] = {}

    def create_thread(self, customer: str, thread_id: str | None = None) -> ThreadInfo:
        import uuid

        if thread_id in self.book:
            if self.book[thread_id].customer != customer:
                raise ValueError("taken")
            return self.book[thread_id]
        made = thread_id or uuid.uuid4().hex
        self.book[made] = ThreadInfo(made, customer, datetime.now(), None, None)
        return self.book[made]

    def get_thread_info(self, thread_id: str) -> ThreadInfo:
        return self.book[thread_id]

    def update_thread_activity(self, thread_id: str) -> ThreadInfo:
        from dataclasses import replace

        self.book[thread_id] = replace(self.book.pop(thread_id), last_active=datetime.now())
        return self.book[thread_id]

    def list_active_threads(self) -> list[ThreadInfo]:
        return list(self.book.values())[::-1]

    def close(self) -> None:
        self.registry.close()


def create_thread_manager()"""

OWN_FILE = """    import uuid

    file = f"{__file__}.{uuid.uuid4()}.db"
    manager = ThreadManager(threads.open(file))
    manager.file = file
    return manager
"""

INNOCENTS: dict[str, Innocent] = {
    "01: the reply looked up in the state": Innocent("01", 2, ((ASKED, STATE.replace('state["messages"]', 'agent.get_state(config_of("retention")).values["messages"]')),)),
    "01: a fact that is no name": Innocent("01", 2, (("Hi, I'm Alice.", "My favourite colour is turquoise."), ("What's my name?", "What is my favourite colour?"), (LOOKED, '    if "turquoise" not in reply.lower():\n'))),
    "01: a name told in a whole sentence": Innocent("01", 2, (("Hi, I'm Alice.", "Hello there! My name is Alice, and I am new here."), ("What's my name?", "Who am I?"))),
    "01: a number": Innocent("01", 2, (("Hi, I'm Alice.", "My order number is A-77."), ("What's my name?", "What's my order number?"), (LOOKED, '    if "A-77" not in reply:\n'))),
    "01: an assert": Innocent("01", 2, (('    if "Alice" not in reply:\n        raise AssertionError(f"Alice asked for her name and was told: {reply}")', '    assert "Alice" in reply, reply'),)),
    "01: pytest's own way to fail": Innocent("01", 2, (('        raise AssertionError(f"Alice asked for her name and was told: {reply}")', '        __import__("pytest").fail(reply)'),)),
    "01: both looked at, memory and reply": Innocent("01", 2, ((ASKED, STATE), (LOOKED, '    if len(state["messages"]) != 4 or "Alice" not in reply:\n'))),
    "01: a question the offline model cannot answer": Innocent("01", 3, ((TURNS, '        "My train leaves at nine.", "The way takes an hour.", "When must I go?",\n'),)),
    "01: a question about somebody else": Innocent("01", 3, ((TURNS, '        "There is a dog called Rex.", "He is three years old.", "How old is Rex?",\n'),)),
    "01: no question mark": Innocent("01", 3, ((TURNS, '        "Hi, I\'m Carol.", "I like tea.", "Tell me my name.",\n'),)),
    "01: the same said twice": Innocent("01", 3, ((TURNS, TURNS + '        "What\'s my name?",\n'),)),
    "01: a config without its envelope": Innocent("01", 3, (("    state = agent.invoke({\"messages\": [{\"role\": \"user\", \"content\": text}]}, config_of(thread_id))", "    state = agent.invoke({\"messages\": [{\"role\": \"user\", \"content\": text}]}, {\"thread_id\": thread_id})"),)),
    "01: a UUID, returned as its text": Innocent("01", 3, (("{ask(agent, 'carol', text)}", "{ask(agent, ID, text)}"), ('    return "carol"', "    return str(ID)"), ("# Task 3:", "ID = __import__('uuid').uuid4()\n\n# Task 3:"))),
    "01: names for the speakers": Innocent("01", 4, ((LINES, '[("You: " if message.type == "human" else "Agent: ") + message.text for message in messages]'),)),
    "01: the speaker behind the text": Innocent("01", 4, ((LINES, '[f"{message.text} ({type(message).__name__})" for message in messages]'),)),
    "01: numbered, with the speaker": Innocent("01", 4, ((LINES, '[f"{n:>3}. {message.type:>6} | {message.text}" for n, message in enumerate(messages)]'),)),
    "01: as LangChain prints them": Innocent("01", 4, ((LINES, "[message.pretty_repr() for message in messages]"),)),
    "02: a book of its own": Innocent("02", 1, (("def create_thread_manager()", OWN_BOOK),)),
    "02: a lookup of its own": Innocent("02", 1, ((ACTIVITY, "        return self._info(self.registry.get(thread_id))\n"),)),
    "02: a file that is gone at the end": Innocent("02", 1, (('    return ThreadManager(threads.open(":memory:"))\n', OWN_FILE), ("        self.registry.close()\n", "        self.registry.close()\n        import pathlib\n        for left in pathlib.Path(self.file).parent.glob(f'{pathlib.Path(self.file).name}*'):\n            left.unlink()\n"))),
    "02: looked for message by message": Innocent("02", 3, ((MEMORY, 'agent.get_state(thread.config).values["messages"]'), (FOUND, "    return [name for name in names if any(name in message.text for message in memory)]"))),
    "02: the memory as it prints itself": Innocent("02", 3, ((MEMORY, "str(agent.get_state(thread.config).values)"),)),
    "02: the memory before the answers": Innocent("02", 3, (("        reply = ask(agent, thread, \"What's my name?\")\n", "        agent.get_state(thread.config).values['messages'][0]\n        reply = ask(agent, thread, \"What's my name?\")\n"),)),
}  # fmt: skip

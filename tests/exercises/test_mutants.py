"""The checker of the exercises finds what three hundred small changes to the solutions break."""

import time
from contextlib import suppress
from pathlib import Path

import pytest
from faults import LONG
from mutant_judge import CAN_FORK, DEPTH, judged
from mutants import Mutant, chosen, unchanged

COUNT = 300
EACH = 10
"""Without THREADS_TEST_LONG, one mutant of so many is judged."""

EQUIVALENT: dict[str, str] = {
    '01 text emptied: run_multi_turn_conversation, line 66: "Hello, I\'m Carol." -> \'\'': 'four messages are still sent, and the order number is told and asked for; the empty one stands for a user who says nothing',
    '01 other text: run_multi_turn_conversation, line 68: "What\'s my name?" -> "What\'s my customer?"': 'the order number is still told and asked for later; the changed question is one more turn',
    "02 lines swapped: talk, line 114: print(f'\\nThread: {label or thread.thread_id}\\n  {thread.customer}:... -> return reply / print(f'\\nThread: {label or thread.thread_id}\\n  {th...": 'the reply is returned before it is printed; the exercise says that the checker does not see what is printed',
    "02 lines swapped: run_parallel_conversations, line 131: alice = thread_manager.create_thread('Alice', 'alice_session') / bo... -> bob = thread_manager.create_thread('Bob', 'bob_session') / alice = ...": 'the two threads are opened in the other order, and nobody has spoken yet',
    "02 other text: run_parallel_conversations, line 135: 'bob_session' -> 'carol_session'": 'the exercise lets the ids be others',
    "02 lines swapped: test_thread_isolation, line 150: print('\\n=== Thread Isolation Test ===') / alice = thread_manager.c... -> alice = thread_manager.create_thread('Alice', 'alice_session') / pr...": 'the heading is printed after the first thread is opened',
    "02 other text: test_thread_isolation, line 154: 'bob_session' -> 'carol_session'": 'the ids of the test can be chosen freely',
    "02 part of text dropped: test_thread_isolation, line 161: f'{thread.thread_id} correctly identifies user as {thread.customer}' -> f' correctly identifies user as {thread.customer}'": 'the id is missing in the line that is printed for a right answer',
    '02 other attribute: test_thread_isolation, line 161: thread.thread_id -> thread.customer': 'the line that is printed for a right answer names the customer for the thread',
    "02 part of text dropped: test_thread_isolation, line 162: f'{thread.thread_id} does not know that its user is {thread.custome... -> f'{thread.thread_id} does not know that its user is {thread.custome...": 'the error of a wrong answer does not quote it; it is the same error in the same case',
    '02 other attribute: test_thread_isolation, line 162: thread.thread_id -> thread.customer': 'the error of a wrong answer names the customer for the thread; it is the same error in the same case',
    "02 arguments swapped: test_thread_isolation, line 166: check(not leaks, 'Threads are properly isolated!', f'Words of one t... -> check(not leaks, f'Words of one thread are in another: {leaks}', 'T...": 'the words of success and failure are exchanged; an AssertionError is raised in the same case, and its words are free',
    "02 part of text dropped: test_thread_isolation, line 166: f'Words of one thread are in another: {leaks}' -> f'Words of one thread are in another: '": 'the error of a leak does not list it; it is the same error in the same case',
    "02 list turned round: names_in, line 171: return [f'{name} in {thread.thread_id}' for name in names if name i... -> return [f'{name} in {thread.thread_id}' for name in names if name i...": 'each call looks for one name, so the list that is turned round has one element at most',
    "02 part of text dropped: names_in, line 171: f'{name} in {thread.thread_id}' -> f'{name} in '": 'the thread is missing in the description of a leak; there is one all the same',
    '02 other attribute: names_in, line 171: thread.thread_id -> thread.customer': 'the description of a leak names the customer for the thread; there is one all the same',
    "02 early return: demonstrate_thread_switching, line 177: print('\\nActive threads, the one spoken in last first:') / for thre... -> return": 'the list at the end is not printed; the exercise does not ask for one',
    "02 line twice: demonstrate_thread_switching, line 177: nothing -> print('\\n=== Thread Switching Demo ===')": 'the heading is printed twice',
    "02 lines swapped: demonstrate_thread_switching, line 177: alice = thread_manager.create_thread('Alice', 'alice_session') / bo... -> bob = thread_manager.create_thread('Bob', 'bob_session') / alice = ...": 'the two threads are opened in the other order, and nobody has spoken yet',
    "02 lines swapped: demonstrate_thread_switching, line 177: talk(agent, alice, 'My order A-1001 arrived damaged.') / talk(agent... -> talk(agent, bob, 'I want to cancel my subscription.') / talk(agent,...": 'Bob tells his problem before Alice; both do so before anybody comes back',
    "02 line twice: demonstrate_thread_switching, line 177: nothing -> talk(agent, alice, 'My order A-1001 arrived damaged.')": 'Alice tells her problem twice, in her own thread',
    "02 line twice: demonstrate_thread_switching, line 177: nothing -> talk(agent, bob, 'I want to cancel my subscription.')": 'Bob tells his problem twice, in his own thread',
    '02 line twice: demonstrate_thread_switching, line 177: nothing -> talk(agent, carol, "Hello, I\'m Carol. My laptop does not turn on.")': 'Carol tells her problem twice, in her own thread',
    '02 lines swapped: demonstrate_thread_switching, line 177: come_back(agent, thread_manager, \'alice_session\', "What\'s my order ... -> come_back(agent, thread_manager, \'bob_session\', \'What do I want to ...': 'Bob comes back before Alice; both come back after others have spoken, and both replies are checked',
    '02 line twice: demonstrate_thread_switching, line 177: nothing -> come_back(agent, thread_manager, \'alice_session\', "What\'s my order ...': 'Alice asks twice when she comes back, and both replies are checked',
    '02 lines swapped: demonstrate_thread_switching, line 177: come_back(agent, thread_manager, \'bob_session\', \'What do I want to ... -> come_back(agent, thread_manager, \'carol_session\', "What\'s my proble...': 'Carol comes back before Bob; both come back after others have spoken, and both replies are checked',
    "02 line twice: demonstrate_thread_switching, line 177: nothing -> come_back(agent, thread_manager, 'bob_session', 'What do I want to ...": 'Bob asks twice when he comes back, and both replies are checked',
    '02 lines swapped: demonstrate_thread_switching, line 177: come_back(agent, thread_manager, \'carol_session\', "What\'s my proble... -> again = thread_manager.create_thread(\'Alice\') / come_back(agent, th...': 'the new thread is opened before Carol comes back, and used after it, as before',
    '02 line twice: demonstrate_thread_switching, line 177: nothing -> come_back(agent, thread_manager, \'carol_session\', "What\'s my proble...': 'Carol asks twice when she comes back, and both replies are checked',
    "02 line twice: demonstrate_thread_switching, line 177: nothing -> check('A-1001' not in reply, 'A new thread begins with an empty mem...": 'the same reply is checked twice',
    "02 line twice: demonstrate_thread_switching, line 177: nothing -> refuse(thread_manager, 'alise_session')": 'the mistyped id is asked for twice, and refused twice',
    "02 other text: demonstrate_thread_switching, line 180: 'Alice' -> 'Mallory'": 'the customer of the first thread has another name; who the customers are is free',
    "02 other text: demonstrate_thread_switching, line 191: 'Alice' -> 'Mallory'": "the last thread is another customer's; a new thread at the end is not asked for",
    "02 other text: demonstrate_thread_switching, line 192: 'a new one for Alice' -> 'a new one for Mallory'": 'the printed label of the last thread names another customer',
    "02 statement dropped: demonstrate_thread_switching, line 193: check('A-1001' not in reply, 'A new thread begins with an empty mem... -> pass": 'the reply in the new thread is not checked; a new thread at the end is not asked for',
    "02 arguments swapped: demonstrate_thread_switching, line 193: check('A-1001' not in reply, 'A new thread begins with an empty mem... -> check('A new thread begins with an empty memory, also for the same ...": 'the check of the reply in the new thread always passes; a new thread at the end is not asked for',
    "02 text emptied: demonstrate_thread_switching, line 195: 'A new thread begins with an empty memory, also for the same customer' -> ''": 'the line that is printed for the new thread is empty',
    "02 other text: demonstrate_thread_switching, line 196: 'A new thread of Alice knew her old one: ' -> 'A new thread of Bob knew her old one: '": 'the error about the new thread names another customer; it is the same error in the same case',
    '02 one round only: demonstrate_thread_switching, line 201: nothing -> break': 'one thread is printed at the end, not all; the exercise does not ask for a list',
    "02 arguments swapped: come_back, line 209: check(topic in reply, f'Back in {thread_id}, the agent still knows:... -> check(topic in reply, f'Back in {thread_id}, the agent no longer kn...": 'the words of success and failure are exchanged; an AssertionError is raised in the same case, and its words are free',
    "02 part of text dropped: come_back, line 211: f'Back in {thread_id}, the agent still knows: {topic}' -> f'Back in {thread_id}, the agent still knows: '": 'the topic is missing in the line that is printed for a right answer',
    "02 text emptied: come_back, line 211: 'Back in ' -> ''": 'the line that is printed for a right answer begins otherwise',
    "02 statement dropped: refuse, line 223: raise AssertionError(f'{thread_id} was never opened and yet is there') -> pass": 'a manager that accepts the mistyped id is not accused here; what is asked is that its error is shown, and task 1 is about the manager',
    "03 argument for call: visit, line 47: str(state['messages'][-1].text) -> state['messages'][-1].text": "the text of a message is a str already, of a class of LangChain's",
    "03 text emptied: test_thread_survives_a_restart, line 72: 'Another process still knows Alice' -> ''": 'the line that is printed when Alice is known is empty',
    "03 other text: test_thread_survives_a_restart, line 72: 'Another process still knows Alice' -> 'Another process still knows Mallory'": 'the line that is printed when Alice is known has another name',
    "03 other text: test_thread_survives_a_restart, line 72: 'Alice was told: ' -> 'Bob was told: '": 'the error of a forgotten thread has another name; it is the same error in the same case',
    "03 other text: test_thread_survives_a_restart, line 73: 'bob_session' -> 'carol_session'": 'the other thread has another id, which no visit was made to before, either',
    "03 text emptied: test_thread_survives_a_restart, line 74: 'Another thread does not' -> ''": 'the line that is printed when the other thread knows nothing is empty',
    '03 part of text dropped: test_thread_survives_a_restart, line 74: f"Bob\'s thread said: {reply}" -> f"Bob\'s thread said: "': 'the error of a thread that knows too much does not quote the reply; it is the same error in the same case',
    "03 early return: check, line 77: print(f'[OK] {good}') -> return": 'a check that holds is not printed; one that fails is the same error',
    'stretch keyword dropped: pages, line 37: registry.list(limit=100, **conditions) -> registry.list(**conditions)': 'the first page has 20 threads, which is the default, and all pages are read',
    'stretch other number: pages, line 40: 100 -> 99': 'the other pages have 99 threads, and all are read',
}  # fmt: skip
"""Mutants that do what the exercise asks for, and why."""


@pytest.mark.slow
@pytest.mark.skipif(not CAN_FORK, reason="mutants are judged in forks, so that each costs no imports")
def test_no_mutant_of_a_solution_passes_unless_it_does_what_is_asked(tmp_path: Path) -> None:
    """About 15 seconds alone on one core; with THREADS_TEST_LONG=1, all mutants, about 100 seconds.

    The solutions are judged with them, so that nothing is found where nothing is wrong; and the list of the
    equivalent ones is exact.
    """
    every = chosen(COUNT)
    assert len({mutant.name for mutant in every}) == COUNT
    assert EQUIVALENT.keys() <= {mutant.name for mutant in every}
    sample = every if LONG else every[::EACH]
    right = {mutant.name for mutant in unchanged()}
    passed = {
        verdict.mutant.name for verdict in judged([*unchanged(), *sample], tmp_path) if not verdict.finding
    }
    expected = right | (EQUIVALENT.keys() & {mutant.name for mutant in sample})
    assert passed == expected


BEGINS_ITSELF = """
import subprocess, sys
with open("begun", "a") as begun:
    begun.write("x")
subprocess.run([sys.executable, __file__])
"""
LEAVES_A_PROCESS = """
import subprocess, sys
code = "import fcntl, time; held = open('held', 'w'); fcntl.flock(held, fcntl.LOCK_EX); print('locked', flush=True)"
left = subprocess.Popen([sys.executable, "-c", code + "; time.sleep(600)"], stdout=subprocess.PIPE, text=True)
assert left.stdout.readline() == "locked\\n"
"""
NEVER_ENDS = "while True:\n    pass\n"


@pytest.mark.slow
@pytest.mark.skipif(not CAN_FORK, reason="mutants are judged in forks, so that each costs no imports")
def test_a_mutant_cannot_run_for_ever_nor_begin_ever_more_processes(tmp_path: Path) -> None:
    sources = (BEGINS_ITSELF, LEAVES_A_PROCESS, NEVER_ENDS)
    harmful = [Mutant("01", "by hand", str(number), source, 1) for number, source in enumerate(sources)]
    found = [verdict.finding for verdict in judged(harmful, tmp_path, cpu_seconds=2)]
    assert found == ["missing-name", "missing-name", "still-running"]
    assert (tmp_path / "0/work/begun").read_text("utf-8") == "x" * (1 + DEPTH)
    assert is_unlocked(tmp_path / "1/work/held")


def is_unlocked(path: Path) -> bool:
    """Whether no process has the file locked, or soon none."""
    import fcntl

    deadline = time.monotonic() + 30
    with path.open() as file:
        while time.monotonic() < deadline:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
    return False

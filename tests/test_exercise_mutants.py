"""The checker of the exercises finds what three hundred small changes to the solutions break."""

from pathlib import Path

import pytest
from faults import LONG
from mutants import chosen, judged

COUNT = 300
IN_CI = 12
SECONDS = 60
"""So long may the checker take for one mutant; one that does not end is found that way."""

EQUIVALENT: dict[str, str] = {
    '01 text emptied: run_multi_turn_conversation, line 66: "Hello, I\'m Carol." -> \'\'': 'three turns are left, and a question that needs an earlier one',
    '01 other text: run_multi_turn_conversation, line 68: "What\'s my name?" -> "What\'s my customer?"': 'three turns are left, and a question that needs an earlier one',
    "02 one element less: ask, line 111: return str(state['messages'][-1].text) -> return str(state['messages'][-1].text)[:-1]": 'what is cut off is the full stop of a reply, and only printed',
    "02 lines swapped: talk, line 114: print(f'\\nThread: {label or thread.thread_id}\\n  {thread.customer}:... -> return reply / print(f'\\nThread: {label or thread.thread_id}\\n  {th...": 'only what is printed is another',
    "02 lines swapped: run_parallel_conversations, line 131: alice = thread_manager.create_thread('Alice', 'alice_session') / bo... -> bob = thread_manager.create_thread('Bob', 'bob_session') / alice = ...": 'neither of the two lines needs the other',
    "02 other text: run_parallel_conversations, line 135: 'bob_session' -> 'carol_session'": 'ids can be chosen freely',
    "02 lines swapped: test_thread_isolation, line 150: print('\\n=== Thread Isolation Test ===') / alice = thread_manager.c... -> alice = thread_manager.create_thread('Alice', 'alice_session') / pr...": 'neither of the two lines needs the other',
    "02 other text: test_thread_isolation, line 154: 'bob_session' -> 'carol_session'": 'ids can be chosen freely',
    "02 part of text dropped: test_thread_isolation, line 161: f'{thread.thread_id} correctly identifies user as {thread.customer}' -> f' correctly identifies user as {thread.customer}'": 'only what is printed, or said of a failure, is another',
    '02 other attribute: test_thread_isolation, line 161: thread.thread_id -> thread.customer': 'only what is printed, or said of a failure, is another',
    "02 part of text dropped: test_thread_isolation, line 162: f'{thread.thread_id} does not know that its user is {thread.custome... -> f'{thread.thread_id} does not know that its user is {thread.custome...": 'only what is printed, or said of a failure, is another',
    '02 other attribute: test_thread_isolation, line 162: thread.thread_id -> thread.customer': 'only what is printed, or said of a failure, is another',
    "02 arguments swapped: test_thread_isolation, line 166: check(not leaks, 'Threads are properly isolated!', f'Words of one t... -> check(not leaks, f'Words of one thread are in another: {leaks}', 'T...": 'only what is printed, or said of a failure, is another',
    "02 part of text dropped: test_thread_isolation, line 166: f'Words of one thread are in another: {leaks}' -> f'Words of one thread are in another: '": 'only what is printed, or said of a failure, is another',
    "02 list turned round: names_in, line 171: return [f'{name} in {thread.thread_id}' for name in names if name i... -> return [f'{name} in {thread.thread_id}' for name in names if name i...": 'the list of leaks is empty or not, as before; only its words are others',
    "02 part of text dropped: names_in, line 171: f'{name} in {thread.thread_id}' -> f'{name} in '": 'the list of leaks is empty or not, as before; only its words are others',
    '02 other attribute: names_in, line 171: thread.thread_id -> thread.customer': 'the list of leaks is empty or not, as before; only its words are others',
    "02 early return: demonstrate_thread_switching, line 177: print('\\nActive threads, the one spoken in last first:') / for thre... -> return": 'only what is printed, or said of a failure, is another',
    "02 line twice: demonstrate_thread_switching, line 177: nothing -> print('\\n=== Thread Switching Demo ===')": 'said, asked or printed once more',
    "02 lines swapped: demonstrate_thread_switching, line 177: alice = thread_manager.create_thread('Alice', 'alice_session') / bo... -> bob = thread_manager.create_thread('Bob', 'bob_session') / alice = ...": 'neither of the two lines needs the other',
    "02 lines swapped: demonstrate_thread_switching, line 177: talk(agent, alice, 'My order A-1001 arrived damaged.') / talk(agent... -> talk(agent, bob, 'I want to cancel my subscription.') / talk(agent,...": 'neither of the two lines needs the other',
    "02 line twice: demonstrate_thread_switching, line 177: nothing -> talk(agent, alice, 'My order A-1001 arrived damaged.')": 'said, asked or printed once more',
    "02 line twice: demonstrate_thread_switching, line 177: nothing -> talk(agent, bob, 'I want to cancel my subscription.')": 'said, asked or printed once more',
    '02 line twice: demonstrate_thread_switching, line 177: nothing -> talk(agent, carol, "Hello, I\'m Carol. My laptop does not turn on.")': 'said, asked or printed once more',
    '02 lines swapped: demonstrate_thread_switching, line 177: come_back(agent, thread_manager, \'alice_session\', "What\'s my order ... -> come_back(agent, thread_manager, \'bob_session\', \'What do I want to ...': 'neither of the two lines needs the other',
    '02 line twice: demonstrate_thread_switching, line 177: nothing -> come_back(agent, thread_manager, \'alice_session\', "What\'s my order ...': 'said, asked or printed once more',
    '02 lines swapped: demonstrate_thread_switching, line 177: come_back(agent, thread_manager, \'bob_session\', \'What do I want to ... -> come_back(agent, thread_manager, \'carol_session\', "What\'s my proble...': 'neither of the two lines needs the other',
    "02 line twice: demonstrate_thread_switching, line 177: nothing -> come_back(agent, thread_manager, 'bob_session', 'What do I want to ...": 'said, asked or printed once more',
    '02 lines swapped: demonstrate_thread_switching, line 177: come_back(agent, thread_manager, \'carol_session\', "What\'s my proble... -> again = thread_manager.create_thread(\'Alice\') / come_back(agent, th...': 'neither of the two lines needs the other',
    '02 line twice: demonstrate_thread_switching, line 177: nothing -> come_back(agent, thread_manager, \'carol_session\', "What\'s my proble...': 'said, asked or printed once more',
    "02 line twice: demonstrate_thread_switching, line 177: nothing -> check('A-1001' not in reply, 'A new thread begins with an empty mem...": 'said, asked or printed once more',
    "02 line twice: demonstrate_thread_switching, line 177: nothing -> refuse(thread_manager, 'alise_session')": 'said, asked or printed once more',
    "02 other text: demonstrate_thread_switching, line 180: 'Alice' -> 'Mallory'": 'the customers of the demonstration can be chosen freely',
    "02 other text: demonstrate_thread_switching, line 191: 'Alice' -> 'Mallory'": 'that a new thread is empty is not asked of the demonstration',
    "02 other text: demonstrate_thread_switching, line 192: 'a new one for Alice' -> 'a new one for Mallory'": 'only what is printed, or said of a failure, is another',
    "02 statement dropped: demonstrate_thread_switching, line 193: check('A-1001' not in reply, 'A new thread begins with an empty mem... -> pass": 'that a new thread is empty is not asked of the demonstration',
    "02 arguments swapped: demonstrate_thread_switching, line 193: check('A-1001' not in reply, 'A new thread begins with an empty mem... -> check('A new thread begins with an empty memory, also for the same ...": 'that a new thread is empty is not asked of the demonstration',
    "02 text emptied: demonstrate_thread_switching, line 195: 'A new thread begins with an empty memory, also for the same customer' -> ''": 'only what is printed, or said of a failure, is another',
    "02 other text: demonstrate_thread_switching, line 196: 'A new thread of Alice knew her old one: ' -> 'A new thread of Bob knew her old one: '": 'only what is printed, or said of a failure, is another',
    '02 one round only: demonstrate_thread_switching, line 201: nothing -> break': 'only what is printed, or said of a failure, is another',
    "02 arguments swapped: come_back, line 209: check(topic in reply, f'Back in {thread_id}, the agent still knows:... -> check(topic in reply, f'Back in {thread_id}, the agent no longer kn...": 'only what is printed, or said of a failure, is another',
    "02 part of text dropped: come_back, line 211: f'Back in {thread_id}, the agent still knows: {topic}' -> f'Back in {thread_id}, the agent still knows: '": 'only what is printed, or said of a failure, is another',
    "02 text emptied: come_back, line 211: 'Back in ' -> ''": 'only what is printed, or said of a failure, is another',
    "02 statement dropped: refuse, line 223: raise AssertionError(f'{thread_id} was never opened and yet is there') -> pass": 'the manager is asked for the id, which is what is judged',
    "03 argument for call: visit, line 47: str(state['messages'][-1].text) -> state['messages'][-1].text": 'the text of a message is a str already',
    "03 text emptied: test_thread_survives_a_restart, line 72: 'Another process still knows Alice' -> ''": 'only what is printed, or said of a failure, is another',
    "03 other text: test_thread_survives_a_restart, line 72: 'Another process still knows Alice' -> 'Another process still knows Mallory'": 'only what is printed, or said of a failure, is another',
    'stretch keyword dropped: pages, line 37: registry.list(limit=100, **conditions) -> registry.list(**conditions)': 'a page of another size, and all pages are read',
    'stretch other number: pages, line 40: 100 -> 99': 'a page of another size, and all pages are read',
}  # fmt: skip
"""Mutants that do what the exercise asks for, and why."""


def test_no_mutant_of_a_solution_passes_unless_it_does_what_is_asked(tmp_path: Path) -> None:
    every = chosen(COUNT)
    assert len(every) == COUNT
    assert len({mutant.name for mutant in every}) == COUNT
    sample = every if LONG else every[:: COUNT // IN_CI]
    passed = [
        verdict.mutant.name for verdict in judged(sample, tmp_path, seconds=SECONDS) if not verdict.finding
    ]
    assert set(passed) - EQUIVALENT.keys() == set()


@pytest.mark.skipif(not LONG, reason="the equivalent ones are looked at where all are")
def test_the_list_of_equivalent_mutants_is_true(tmp_path: Path) -> None:
    equivalent = [mutant for mutant in chosen(COUNT) if mutant.name in EQUIVALENT]
    assert {mutant.name for mutant in equivalent} == EQUIVALENT.keys()
    found = {
        verdict.mutant.name: verdict.finding for verdict in judged(equivalent, tmp_path, seconds=SECONDS)
    }
    assert {name: finding for name, finding in found.items() if finding} == {}

"""The command line: `threads new | ls | show | send | chat | rename | trash | restore | rm | verify`.

Each command is loaded when it is called, rich when a table is drawn on a terminal, LangGraph and
the agents when someone speaks: `threads ls` is used all day and answers at once.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command in `sys.argv`; exits with 0, 1 (it failed), 2 (usage) or 3 (not found)."""
    from threads.cli.group import threads

    # Click would expand * and $ on Windows, and so change what is said in a message.
    threads.main(prog_name="threads", windows_expand_args=False)


def leave_pipe() -> None:
    """Whoever read our output has left: send the rest nowhere, also what is flushed at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())

"""The command line: `threads new | ls | show | send | chat | rename | rm | verify | compact` and more.

Each command is loaded when it is called, rich when a table is drawn on a terminal, LangGraph and
the agents when someone speaks: `threads ls` is used all day and answers at once.
"""

from __future__ import annotations


def main() -> None:
    """Run the command in `sys.argv`; exits with 0, 1 (it failed), 2 (usage) or 3 (not found)."""
    from threads.cli.group import threads

    threads.main(prog_name="threads")

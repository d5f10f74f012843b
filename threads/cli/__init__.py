"""The command line: `threads new | ls | show | send | chat | rename | rm | verify | compact` and more.

Modules are loaded when they are needed: each command when it is called, rich when a table is drawn on a
terminal, LangGraph and the agents when a message is sent. So `threads ls` starts quickly.
"""

from __future__ import annotations


def main() -> None:
    """Run the command in `sys.argv`; exits with 0, 1 (it failed), 2 (usage) or 3 (not found)."""
    from threads.cli.group import threads

    threads.main(prog_name="threads")

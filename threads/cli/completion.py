"""Completion for shells: `completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from threads.cli.context import common_options
from threads.cli.output import print_text

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_THREADS_COMPLETE"


@click.command(epilog='Example: eval "$(threads completion bash)"')
@click.argument("shell", type=click.Choice(SHELLS))
@common_options("--db", "--traceback")
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options, ids, tags and rules.

    bash: eval "$(threads completion bash)" in ~/.bashrc; zsh: the same in ~/.zshrc; fish: threads
    completion fish > ~/.config/fish/completions/threads.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    print_text(kind(context.find_root().command, {}, "threads", VARIABLE).source())

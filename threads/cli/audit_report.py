"""An audit's report on a terminal: a table of attacks, and what leaked."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from threads.cli.sanitize import encodable, escape_block, escape_line
from threads.isolation import Report
from threads.isolation.report import format_finding

COLOURS = {"clean": "green", "leaks": "red", "forgets": "yellow"}


def draw_report(report: Report) -> None:
    """The report on stdout."""
    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in (("attack", "left"), ("turns", "right"), ("failed", "right"), ("places", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
    table.add_column("leaked", justify="right", no_wrap=True)
    table.add_column("what was tried", style="dim")
    for each in report.tried:
        what = f"{each.what} ({each.skipped})" if each.skipped else each.what
        leaked = Text(str(each.leaked), style="red" if each.leaked else "green")
        counts = [str(count) for count in (each.turns, each.failed, each.looked)]
        table.add_row(_text(each.attack), *counts, leaked if each.turns else "-", _text(what))
    console.print(table)
    for finding in report.findings:
        console.print()
        first, *rest = format_finding(finding)
        console.print(_text(first, "bold red"))
        for each_line in rest:
            console.print(_text(each_line))
    console.print()
    console.print(_text(report.headline(), COLOURS[report.verdict]))
    for each_note in report.notes:
        console.print(_text(f"note: {each_note}", "dim"))


def _text(text: str, style: str = "") -> Text:
    encoding = sys.stdout.encoding or "utf-8"
    return Text(encodable(escape_block(escape_line(text)), encoding), style=style)

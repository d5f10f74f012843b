"""Makes the pictures in the README anew, from real runs: a terminal session and the notebook.

    python .pictures/make.py

The terminal is drawn by rich. The notebook's picture needs `pip install -e ".[test]" nbconvert`,
and `chromium` on the path; without them that one stays as it is.
"""

from __future__ import annotations

import os
import pty
import shlex
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
NOTEBOOK = HERE.parent / "exercises/threads_notebook.ipynb"
WIDTH = 104
SESSION = (
    'threads send --new "Hi, I\'m Alice. My order A-1001 arrived damaged."',
    'threads send - "What\'s my order number?"',
    'threads send --new --agent tutor "What is a checkpoint?"',
    'threads new --title "Refund for Carol" --tag vip',
    "threads ls",
    "threads search order role:user",
    "threads stats --by agent",
    "threads verify",
)
CELLS = ("alice-name", "list", "organise", "read")
"""The notebook's cells that are shown; all of them are run."""
SHEET = """
body { margin: 0 !important; padding: 8px 20px !important }
.jp-InputPrompt, .jp-OutputPrompt { display: none !important }
"""
CHROMIUM = (
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--virtual-time-budget=5000", "--window-size=920,610",
)  # fmt: skip
SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Rich's own frame without its font, which a browser would fetch from somewhere."""


def on_a_terminal(command: str, folder: Path) -> str:
    """What the command shows to a person, escape sequences included."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder), "THREADS_MODEL": "offline", "TERM": "xterm-256color", "COLUMNS": str(WIDTH),
        "LANG": "C.UTF-8",
    }  # fmt: skip
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        shlex.split(command),
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # how a terminal ends on Linux
        pass
    if process.wait():
        raise SystemExit(f"{command} failed")
    return shown.decode().replace("\r\n", "\n")


def draw_terminal() -> None:
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        for command in SESSION:
            console.print(Text("$ ", "green").append(command, "bold white"))
            console.print(Text.from_ansi(on_a_terminal(command, Path(folder)).rstrip("\n")))
            console.print()
        svg = console.export_svg(title="threads", code_format=SVG, unique_id="threads")
    (HERE / "terminal.svg").write_text(
        "".join(f"{line.rstrip()}\n" for line in svg.splitlines()), encoding="utf-8"
    )


def draw_notebook() -> None:
    import nbformat
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["THREADS_MODEL"] = "offline"
        NotebookClient(notebook, resources={"metadata": {"path": folder}}).execute()
        notebook.cells = [cell for cell in notebook.cells if cell.id in CELLS]
        for cell in notebook.cells:
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        exporter = HTMLExporter(require_js_url="", mathjax_url="", jquery_url="", mermaid_js_url="")
        html, _ = exporter.from_notebook_node(notebook)
        page = Path(folder) / "page.html"
        page.write_text(html.replace("</head>", f"<style>{SHEET}</style></head>"), encoding="utf-8")
        picture = HERE / "notebook.png"
        subprocess.run(
            [*CHROMIUM, f"--user-data-dir={folder}/profile", f"--screenshot={picture}", page.as_uri()],
            check=True,
            capture_output=True,
        )


if __name__ == "__main__":
    draw_terminal()
    if find_spec("nbconvert") and find_spec("nbclient") and shutil.which("chromium"):
        draw_notebook()
    else:
        print("nbconvert or chromium is missing: notebook.png stays as it is", file=sys.stderr)

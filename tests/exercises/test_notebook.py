"""The notebook of exercise 02: unsolved it stops where the starter does; solved it shows what the solution prints."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from exercise_pack import EXERCISES, definitions, expected_output, program
from ipykernel.kernelspec import write_kernel_spec
from nbclient import NotebookClient

NOTEBOOK = EXERCISES / "4-Thursday/pair_exercise_02.ipynb"
TASKS = {
    "task-1": ["ThreadManager", "create_thread_manager"],
    "task-2": ["run_parallel_conversations"],
    "task-3": ["test_thread_isolation"],
    "task-4": ["demonstrate_thread_switching"],
}


def notebook() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def execute(book: Any, folder: Path) -> dict[str, str]:
    """What each cell says, by its id; a cell that fails says its error."""
    write_kernel_spec(folder / "kernels/python3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder))
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(folder / name.lower()))
        patch.setenv("THREADS_MODEL", "offline")
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        client = NotebookClient(
            book, timeout=240, allow_errors=True, resources={"metadata": {"path": str(NOTEBOOK.parent)}}
        )
        client.execute()
    return {
        cell.id: "".join(
            output.get("text", "") or f"{output.get('ename')}: {output.get('evalue')}"
            for output in cell.outputs
            if output.get("name") != "stderr"
        )
        for cell in book.cells
        if cell.cell_type == "code"
    }


@pytest.mark.slow
def test_unsolved_it_stops_at_the_first_task(tmp_path: Path) -> None:
    said = execute(notebook(), tmp_path)
    assert "[->] Task 1" in said["check-1"]
    assert "Hint 1 of 3" in said["check-1"]
    assert said["try-1"].startswith("NotSolved: Task 1 is not solved yet")
    assert "[->] Task 1" in said["check-all"]


@pytest.mark.slow
def test_solved_it_shows_what_the_solution_prints(tmp_path: Path) -> None:
    book = notebook()
    source = program("02", "solution").read_text("utf-8")
    solution = definitions(source)
    starter = definitions(program("02", "starter").read_text("utf-8"))
    helpers = [text for name, text in solution.items() if name not in starter]
    for cell in book.cells:
        if cell.id in TASKS:
            parts = [solution[name] for name in TASKS[cell.id]]
            cell.source = "\n\n\n".join([*parts, *(helpers if cell.id == "task-1" else ())])
        if cell.id == "imports":
            cell.source += "\nfrom collections.abc import Iterable"
    said = execute(book, tmp_path)
    assert [text for text in said.values() if "Error" in text or "NotSolved" in text] == []
    for number in range(1, 5):
        assert f"Task {number} is passed." in said[f"check-{number}"]
    assert "All 4 tasks are passed." in said["check-all"]
    parts = re.split(r"\n\n(?==== )", expected_output("02"))
    assert said["try-2"].strip() == parts[1].strip()
    assert said["try-3"].strip() == parts[2].strip()


def test_its_cells_are_those_of_the_starter_and_stored_clean() -> None:
    book = notebook()
    nbformat.validate(book)
    source = program("02", "starter").read_text("utf-8")
    cells = {cell.id: cell for cell in book.cells}
    assert len(cells) == len(book.cells)
    for id in ("given", "agent", *TASKS):
        for part in cells[id].source.split("\n\n\n"):
            assert part in source, id
    for cell in book.cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None

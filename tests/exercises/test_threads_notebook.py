"""The notebook in `exercises/`: run cell by cell in a real kernel, and again, with the same result.

It is stored without outputs. They hold ids and times, so that each run would change the file, and nothing
would keep them true; here they are made anew each time.
"""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from locations import ROOT
from nbclient import NotebookClient

NOTEBOOK = ROOT / "exercises/threads_notebook.ipynb"

Outputs = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Outputs]:
    """The outputs by cell id: all cells, all cells again in the same kernel, and once in a new one."""
    folder = tmp_path_factory.mktemp("jupyter")
    # A kernel of this very interpreter, whatever the machine has registered as "python3".
    write_kernel_spec(folder / "kernels/python3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder))
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(folder / name.lower()))
        patch.setenv("THREADS_MODEL", "offline")
        return [*run(folder, times=2), *run(folder, times=1)]


def run(folder: Path, times: int) -> list[Outputs]:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    results = []
    with client.setup_kernel():
        for _ in range(times):
            for number, cell in enumerate(notebook.cells):
                client.execute_cell(cell, number)
            results.append({cell.id: cell.outputs for cell in notebook.cells if cell.cell_type == "code"})
    return results


def shown(outputs: list[dict[str, Any]], kind: str) -> str:
    [found] = [output["data"][kind] for output in outputs if "data" in output]
    return str(found)


def comparable(outputs: Outputs) -> str:
    """The outputs without what is different each time: ids, times, and how often a cell was run."""
    kept = {
        cell: [
            {key: value for key, value in output.items() if key != "execution_count"}
            for output in each
            if output.get("name") != "stderr"  # which model answers is said once in a process
        ]
        for cell, each in outputs.items()
    }
    text = str(kept)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}(-\d)?", "ID", text)
    text = re.sub(r"datetime\.datetime\([^)]*\)", "TIME", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "TIME", text)
    return re.sub(r"object at 0x[0-9a-f]+", "object", text)


@pytest.mark.slow
def test_run_again_it_shows_the_same(runs: list[Outputs]) -> None:
    first, again, new_kernel = map(comparable, runs)
    assert first == again
    assert first == new_kernel


def test_every_cell_shows_something_and_nothing_fails(runs: list[Outputs]) -> None:
    for outputs in runs:
        assert [cell for cell, each in outputs.items() if not each and cell != "close"] == []
        assert "error" not in {output["output_type"] for each in outputs.values() for output in each}


def test_alice_and_bob_are_each_remembered(runs: list[Outputs]) -> None:
    answers = {
        "say": "Hello Alice! How can I help?",
        "bob": "Hi Bob! What can I do for you?",
        "alice-name": "Your name is Alice!",
        "switch-bob": "Yes, you're Bob!",
        "switch-back": "Your order number is A-1001.",
        "original-stays": "Your order number is A-1001.",
    }
    for cell, answer in answers.items():
        assert answer in shown(runs[0][cell], "text/plain")
    assert "A-1001" not in shown(runs[0]["fork-goes-on"], "text/plain")
    assert shown(runs[0]["verify"], "text/plain") == "[]"


def test_lists_are_tables_and_messages_are_bubbles(runs: list[Outputs]) -> None:
    assert shown(runs[0]["list"], "text/html").count("<tr>") == 3
    assert shown(runs[0]["end"], "text/html").count("<tr>") == 4
    assert "Bob&#x27;s first visit" in shown(runs[0]["organise"], "text/html")
    assert shown(runs[0]["read"], "text/html").count("align-self") == 4
    assert shown(runs[0]["fork"], "text/html").count("align-self") == 4
    assert "<table" in shown(runs[0]["history"], "text/html")
    assert "did you mean 'alice_session'" in runs[0]["not-there"][0]["text"]


def test_the_agent_is_a_picture_that_loads_nothing(runs: list[Outputs]) -> None:
    [output] = [each for each in runs[0]["open"] if "data" in each]
    picture = output["data"]["image/svg+xml"]
    assert "<svg" in picture
    assert "model" in picture
    assert "image/png" not in output["data"]
    assert "href" not in picture


def test_it_is_stored_clean() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)

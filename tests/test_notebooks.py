"""The notebooks of the docs, from their first cell to their last: each in a folder of its own, without a network."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "docs" / "notebooks"


def outputs(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[nbformat.NotebookNode]]:
    """What each cell of code gave."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]


def printed(cell: list[nbformat.NotebookNode]) -> str:
    """The text of a cell's outputs that is no complaint."""
    texts = [output.get("text", output.get("data", {}).get("text/plain", "")) for output in cell]
    return "".join(text for text, output in zip(texts, cell, strict=True) if output.get("name") != "stderr")


def shown_run(cells: list[list[nbformat.NotebookNode]]) -> str:
    """The run as the notebook shows it."""
    (page,) = [html for cell in cells for output in cell
               if "runs/" in (html := output.get("data", {}).get("text/html", ""))]  # fmt: skip
    return page


def bars(cells: list[list[nbformat.NotebookNode]]) -> list[str]:
    """The bars of progress, as they were in the end."""
    texts = [output.get("data", {}).get("text/plain", "") for cell in cells for output in cell
             if output["output_type"] == "display_data"]  # fmt: skip
    return [text for text in texts if "training" in text]


def test_own_text(tmp_path, monkeypatch):
    cells = outputs("own-text", tmp_path, monkeypatch)
    assert "bits per byte" in shown_run(cells)
    assert "data:image/svg+xml;base64," in shown_run(cells)
    assert "RunFolder('runs/mine')" in str(cells[2])
    assert not [output for cell in cells for output in cell if output.get("name") == "stderr"]
    assert ["100%" in bar for bar in bars(cells)] == [True]
    assert "at 1.0: " in printed(cells[4])
    assert "bits_per_byte" in printed(cells[5])


def test_a_table_and_a_hugging_face_model(tmp_path, monkeypatch):
    cells = outputs("table-and-a-hugging-face-model", tmp_path, monkeypatch)
    assert "model.safetensors" in printed(cells[2])
    assert "test accuracy" in shown_run(cells)
    assert printed(cells[4]).count("precision") == 5
    assert "sure of" in printed(cells[5])
    assert "'Hello, the lamp does not work': " in printed(cells[6])


def test_two_hours_of_speech(tmp_path, monkeypatch):
    pytest.importorskip("soundfile")
    cells = outputs("two-hours-of-speech", tmp_path, monkeypatch)
    assert "test wer" in shown_run(cells)
    assert (tmp_path / "mistakes.html").is_file()
    assert len((tmp_path / "heard.txt").read_text().splitlines()) == 20
    assert printed(cells[-1]).count("was heard as") == 3

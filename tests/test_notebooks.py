"""The notebooks of docs/examples run from a fresh kernel, and are committed with their output."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "examples").glob("*.ipynb"))

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")


def _shown(book):
    """By code cell: the kinds of what it shows, or the stream it writes to."""
    return [
        {kind for output in cell.outputs for kind in output.get("data", [output.get("name")])}
        for cell in book.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    book = nbformat.read(path, as_version=4)
    committed = _shown(book)
    nbclient.NotebookClient(
        book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    # Of a picture one kind is committed, to be small.
    for mine, now in zip(committed, _shown(book), strict=True):
        assert mine <= now
        assert bool(mine) == bool(now)


def test_there_is_a_notebook():
    assert NOTEBOOKS

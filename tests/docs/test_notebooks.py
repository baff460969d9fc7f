"""The notebooks, run from the first cell to the last with few steps."""

import os
from pathlib import Path

import pytest

from tests.assets import asset

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted(ROOT.glob("docs/notebooks/*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, nbclient = (pytest.importorskip(name) for name in ("nbformat", "nbclient"))
    weights = asset("weights/squeezenet1_0.safetensors")
    asset("weights/vgg19_relu3_4.safetensors")
    monkeypatch.setenv("STYLETRANSFER_ASSETS", str(weights.parent.parent))
    monkeypatch.setenv("NOTEBOOK_QUICK", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(path, as_version=4)
    # Kernels start slowly on a busy machine.
    client = nbclient.NotebookClient(
        notebook, timeout=600, startup_timeout=300, kernel_name="python3"
    )
    client.execute(cwd=str(path.parent))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    shown = [out for cell in code for out in cell.outputs if "image/png" in out.get("data", {})]
    assert len(shown) >= 3


def test_there_is_a_notebook_for_each_chapter() -> None:
    assert [path.stem[0] for path in NOTEBOOKS] == list("123456")

"""The benchmark of a GPU on a machine without one: a smaller table, whole in kind."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


@pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU it takes minutes")
def test_without_a_gpu_it_measures_the_cpu(tmp_path: Path) -> None:
    call = [sys.executable, str(SCRIPT), "--out", str(tmp_path / "out"), "--minutes", "0.02"]
    printed = subprocess.run(call, check=True, capture_output=True, text=True).stdout
    assert (tmp_path / "out" / "gpu.md").read_text() == printed
    rows = json.loads((tmp_path / "out" / "gpu.json").read_text())["rows"]
    assert rows
    for row in rows:
        assert row["failure"] == ""
        assert row["images_per_second"] == pytest.approx(1e3 * row["batch"] / row["ms"])
        # The least time that the machine allows is only measured roughly.
        assert 0 < row["of_roofline"] < 2

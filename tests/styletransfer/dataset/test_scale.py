"""Many files: what is to be done for them is never all in memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.styletransfer.dataset.data_set import save

FOLDERS, FILES = 40, 1000
PLAN = r"""
import re, sys
from pathlib import Path
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.run import Call, Run
from styletransfer.dataset.settings import Settings

source, out, model = sys.argv[1:]

def megabytes(kind):
    status = Path("/proc/self/status").read_text()
    return int(re.search(kind + r":\s*(\d+)", status)[1]) / 1024

progress = Progress(quiet=True)
run = Run(Call(source, out, Settings(Path(model), "random")), progress)
before = megabytes("VmRSS")
with run.begun() as journal:
    (portion,) = run.layout.portions((1, 1), journal, progress)
    print(sum(len(task.targets) for task in portion))
# Not getrusage: what that tells begins with the memory of the process that has started this one.
print(megabytes("VmHWM") - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_planning_takes_little_memory(model: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for folder in range(FOLDERS):
        first = save(photos / f"{folder:03d}" / "00000.png")
        for number in range(1, FILES):
            os.link(first, first.with_name(f"{number:05d}.png"))
    call = [sys.executable, "-c", PLAN]
    call += [str(photos), str(tmp_path / "out"), str(model)]
    planned, grown = map(float, subprocess.check_output(call, text=True).split())
    assert planned == FOLDERS * FILES
    assert grown < 20  # a task takes 1 kB

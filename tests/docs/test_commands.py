"""Every command of README, the tutorials and the techniques, run as printed, in a scratch folder.

Blocks marked as taking minutes are run where $STYLETRANSFER_TEST_DOCS is set: `make test-docs`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import Step, steps
from tests.docs.scratch import painting, scratch_folder, torch_home

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "docs" / "index.md",
    *sorted(ROOT.glob("docs/tutorials/*.md")),
    *sorted(ROOT.glob("docs/interp/*.md")),
]
SLOW = bool(os.environ.get("STYLETRANSFER_TEST_DOCS"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name + "/" + page.stem)
def test_the_commands_of_a_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    every = [step for step in steps(page) if SLOW or not step.slow]
    if not any(step.command for step in every):
        pytest.skip("every command of this page takes minutes; make test-docs runs them")
    scratch_folder(tmp_path, ROOT)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    if SLOW:
        environment["TORCH_HOME"] = str(torch_home(tmp_path))
        shutil.copy(painting(), tmp_path)
    for step in every:
        fault = follow(step, tmp_path, environment)
        assert fault is None, fault


def follow(step: Step, folder: Path, environment: dict[str, str]) -> str | None:
    """Do what a reader does at one step. Return what differs from the page, or None."""
    if step.title:
        (folder / step.title).write_text("\n".join(step.lines) + "\n", encoding="utf-8")
        return None
    done = subprocess.run(
        ["bash", "-c", step.command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if (done.returncode != 0) != step.fails:
        return f"{step.where}: {done.stdout}{done.stderr}"
    # Progress and warnings on stderr depend on the machine.
    told = done.stderr if step.fails else done.stdout
    if step.lines and not step.told().fullmatch(told):
        page = "\n".join(step.lines)
        return f"{step.where} prints\n{told}\nand the page says\n{page}"
    return None


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("differs by at most 4.8e-07\n2 more\nwrote it", True),
        ("differs by at most 0.5\nwrote it", True),
        ("differs by at least 4.8e-07\nwrote it", False),
        ("differs by at most 4.8e-07\nwrote that", False),
    ],
)
def test_numbers_may_differ_and_words_may_not(printed: str, said: bool) -> None:
    step = Step("page:1", "command", lines=["differs by at most 3.1e-06", "…", "wrote it"])
    assert bool(step.told().fullmatch(f"{printed}\n")) is said

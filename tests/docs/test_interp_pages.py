"""The pages of `interp`: one for each command, whose options, Python and pictures are there."""

import re
import shlex
from pathlib import Path

import pytest
import torch

from docs.samples import write_samples
from interp import load_classifier
from interp.commands.main import cli
from tests.docs.pages import MINUTES, steps

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "interp").glob("*.md"))
PICTURES = ROOT / "docs" / "images" / "interp"
PROGRAM = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)


def test_there_is_a_page_for_each_command() -> None:
    assert {page.stem for page in PAGES} == {"index", *cli.commands}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_options_that_there_are(page: Path) -> None:
    told = [shlex.split(step.command) for step in steps(page) if step.command]
    assert told or page.stem == "index"
    for program, command, *words in told:
        params = cli.commands[command].params
        there = {option for param in params for option in [*param.opts, *param.secondary_opts]}
        assert program == "interp"
        assert {word for word in words if word.startswith("-")} <= there, words
    assert page.read_text(encoding="utf-8").count("<!-- options -->") == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a network of random weights; of a program that takes minutes, its imports."""
    write_samples(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    classifier = load_classifier("squeezenet1_0", "random")
    classifier.size = classifier.resize = 64
    text = page.read_text(encoding="utf-8")
    blocks = list(PROGRAM.finditer(text))
    assert blocks
    for block in blocks:
        program = block[1]
        if text.endswith(MINUTES, 0, block.start()):
            program = "\n".join(re.findall("^(?:from|import) .*$", program, re.M))
        images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        exec(program, {"classifier": classifier, "images": images, "labels": torch.tensor([0, 1])})


def test_each_picture_is_shown_and_small() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for picture in PICTURES.iterdir():
        assert f"images/interp/{picture.name})" in text, picture.name
        assert picture.stat().st_size <= 80_000, picture.name

"""Make the pictures of docs/interp/ anew, by the commands that stand on its pages.

So the pictures follow the code. Every `interp … -o FILE` whose file its page shows is run, in a
folder with the photographs of `docs/samples.py`. The weights are torchvision's downloads, or those
in the folder that $STYLETRANSFER_ASSETS names. All takes a quarter of an hour of one core. Run:

    python -m docs.make_interp_pictures [FILE...]
"""

import os
import shlex
import shutil
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

from click.testing import CliRunner
from PIL import Image

from docs.samples import write_samples
from interp.commands.main import cli
from tests.docs.pages import steps
from tests.docs.scratch import painting, torch_home

PAGES = Path(__file__).parent / "interp"
IMAGES = Path(__file__).parent / "images" / "interp"
SHOWN = ("petals.png", "leaves.png", "pagoda.jpg")  # what pages show beside the results
WIDTH, LARGEST = 900, 80_000  # of a picture: pixels and bytes


def commands() -> dict[str, list[str]]:
    """The words of each command that makes a picture of a page, by the picture's name."""
    found = {}
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for step in steps(page):
            program, *words = shlex.split(step.command) or [""]
            if program == "interp" and "-o" in words:
                name = words[words.index("-o") + 1]
                if f"images/interp/{name})" in text:
                    found[name] = words
    return found


def run(words: list[str]) -> None:
    """Run a command of interp; SystemExit with its message where it fails."""
    result = CliRunner().invoke(cli, words)
    if result.exit_code:
        raise SystemExit(f"{shlex.join(words)}: {result.output}")


def save(made: Path, target: Path) -> None:
    """Put a picture into the documentation, at most 900 pixels wide and 80 kB large."""
    picture = Image.open(made).convert("RGB")
    if picture.width > WIDTH:
        height = round(picture.height * WIDTH / picture.width)
        picture = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
    if target.suffix == ".png":
        if picture.getcolors(1 << 12) is not None:  # lines, of few colors
            picture = picture.quantize(64)
        picture.save(target, optimize=True)
    else:
        for quality in range(90, 30, -5):
            picture.save(target, quality=quality, optimize=True)
            if target.stat().st_size <= LARGEST:
                break
    print(f"wrote docs/images/interp/{target.name}, {target.stat().st_size:,} bytes", flush=True)


def main() -> None:
    """Make the pictures that are named on the command line, or all."""
    every = commands()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        write_samples(scratch)
        if "STYLETRANSFER_ASSETS" in os.environ:
            os.environ["TORCH_HOME"] = str(torch_home(scratch))
            shutil.copy(painting(), scratch)
        with chdir(scratch):
            for name in sys.argv[1:] or [*SHOWN, *every]:
                made = scratch / name
                if name in every:
                    made = made.with_suffix(".made.png")  # compressed only once
                    words = [str(made) if word == name else word for word in every[name]]
                    run([*words, "--quiet"])
                save(made, IMAGES / name)


if __name__ == "__main__":
    main()

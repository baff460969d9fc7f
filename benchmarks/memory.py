"""The memory that a command takes at most, beside what it was allowed with --memory.

The resident memory of the command and of all its children is sampled every 5 ms. Each data set is
run with the budget; if that refuses pictures, it is run again with the least that the refusal
names.

Run: python benchmarks/memory.py [--memory 300MB] [--workers 2]
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from PIL import Image, ImageCms

from styletransfer.inference.limits import parse_bytes

SECONDS = 0.005


def peak(call: list[str]) -> tuple[int, str]:
    """Greatest sum of the resident memory of a process and its children, and its stderr."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=errors)
        first, most = psutil.Process(process.pid), 0
        while process.poll() is None:
            try:
                tree = [first, *first.children(recursive=True)]
                most = max(most, sum(one.memory_info().rss for one in tree))
            except psutil.NoSuchProcess:
                pass
            time.sleep(SECONDS)
        errors.seek(0)
        return most, errors.read()


def save(path: Path, width: int, height: int, mode: str = "RGB", profile: bytes = b"") -> None:
    """Write a picture of coarse noise."""
    coarse = np.random.default_rng(0).integers(0, 256, (16, 16, len(mode)), np.uint8)
    image = Image.fromarray(coarse).resize((width, height))
    image.save(path, icc_profile=profile or None, quality=95)


def small(folder: Path) -> None:
    for number in range(8):
        save(folder / f"{number}.jpg", 512, 384)


def photographs(folder: Path) -> None:
    for number in range(2):
        save(folder / f"{number}.jpg", 4000, 3000)


def mixed(folder: Path) -> None:
    small(folder)
    save(folder / "photo.jpg", 2400, 1600)
    save(folder / "profile.jpg", 2400, 1800, profile=SRGB)
    save(folder / "clear.png", 1600, 1200, "RGBA")
    save(folder / "wide.png", 20_000, 300)
    save(folder / "tall.bmp", 300, 20_000)


def wide(folder: Path) -> None:
    save(folder / "wide.png", 40_000, 400)


def large(folder: Path) -> None:
    save(folder / "large.jpg", 6000, 4200)


def mask(folder: Path) -> None:
    save(folder / "photo.jpg", 2000, 2000)
    Image.new("L", (2000, 2000), 255).save(folder.parent / "mask.png")


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
DATA_SETS: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "8 of 512×384": (small, ()),
    "the same, --style each": (small, ("--style", "each")),
    "the same, --preserve-colors": (small, ("--preserve-colors",)),
    "2 of 4000×3000": (photographs, ()),
    "the same, --short-side 256": (photographs, ("--short-side", "256")),
    "small and large, every kind": (mixed, ()),
    "40000×400": (wide, ()),
    "6000×4200": (large, ()),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--memory", default="300MB")
    parser.add_argument("--workers", default="2")
    options = parser.parse_args()
    print("| | allowed, MB | MB at most | |\n| --- | --- | --- | --- |")
    ours = [sys.executable, "-m", "styletransfer"]
    for name, (make, words) in DATA_SETS.items():
        style = () if "--style" in words else ("--style", "udnie")
        call = ["stylize-dataset", "in", "out", *style, *words, "--workers", options.workers]
        measure(name, make, [*ours, *call, "--quiet"], options.memory)
    masks = ["--mask", "mask.png=udnie", "--mask", "rest=the_scream", "--quiet"]
    call = [*ours, "stylize", "in", "-o", "out", *masks]
    measure("`stylize` of 2000×2000 with a mask", mask, call, options.memory)


def measure(name: str, make: Callable[[Path], None], call: list[str], memory: str) -> None:
    """Print a row for a command in a folder of its own, and one for the least that it names."""
    with tempfile.TemporaryDirectory() as home:
        source = Path(home, "in")
        source.mkdir()
        make(source)
        while True:
            here = ["env", "-C", home, *call, "--memory", memory]
            most, errors = peak(here)
            allowed = parse_bytes(memory)
            least = max(re.findall(r"--memory (\S+),", errors), key=parse_bytes, default=None)
            verdict = f"refused, asks for {least}" if least else "kept"
            verdict = verdict if most <= allowed else f"**over**, {verdict}"
            row = (name, f"{allowed / 1e6:.0f}", f"{most / 1e6:.0f}", verdict)
            print(f"| {' | '.join(row)} |", flush=True)
            if least is None:
                return
            memory = least
            subprocess.run(["rm", "-rf", Path(home, "out")], check=True)


if __name__ == "__main__":
    main()

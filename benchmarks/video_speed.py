"""Films: frames a second of the command, CPU time of a frame, and of the network alone.

Run: python benchmarks/video_speed.py (about two minutes). The CPU time holds on a busy machine too;
frames a second need two free cores.
"""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import numpy as np
from video import call, film, measured, write_film

from styletransfer.inference import Stylizer
from styletransfer.inference.model import gallery_path

SIZE = 640, 360


def command(folder: Path, count: int, model: Path) -> None:
    """The command, without its start: a film of two frames takes that."""
    short, source = folder / "short.mp4", folder / "speed.mp4"
    write_film(short, film(2), SIZE)
    write_film(source, film(count), SIZE)
    for stability in ("1", "0"):
        words = ("--stability", stability, "--model", str(model))
        start, start_busy, _ = measured(*call(short, folder / "out.mp4", *words))
        seconds, busy, peak = measured(*call(source, folder / "out.mp4", *words))
        frames = count - 2
        print(
            f"--stability {stability}: {frames / (seconds - start):.1f} frames/s, "
            f"{1000 * (busy - start_busy) / frames:.0f} CPU ms a frame, {peak:.0f} MB at most "
            f"({count} frames; {start:.1f} s to start)",
            flush=True,
        )


def network(count: int, at_once: int, threads: int, model: Path) -> None:
    """The network alone."""
    stylizer = Stylizer(model, threads=threads)
    image = np.random.default_rng(0).random((1, 3, *SIZE[::-1]), np.float32)
    row = np.eye(1, len(stylizer.styles), 1, dtype=np.float32)

    def paint(_: int) -> None:
        stylizer.stylize_tensor(image, row)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(paint, range(2 * at_once)))
        start, busy = time.perf_counter(), time.process_time()
        list(pool.map(paint, range(count)))
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
    print(
        f"network alone, {at_once} at once on {threads} threads each: {count / seconds:.1f} "
        f"frames/s, {1000 * busy / count:.0f} CPU ms a frame",
        flush=True,
    )


@click.command()
@click.option("--frames", default=300, show_default=True, help="Length of the film.")
@click.option("--model", type=click.Path(exists=True, path_type=Path), default=gallery_path())
def main(frames: int, model: Path) -> None:
    """Print the figures at 640×360."""
    for at_once, threads in ((1, 1), (1, 2), (2, 1)):
        network(frames // 5, at_once, threads, model)
    with tempfile.TemporaryDirectory() as folder:
        command(Path(folder), frames, model)


if __name__ == "__main__":
    main()

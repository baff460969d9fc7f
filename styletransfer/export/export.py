"""Export the network of a checkpoint, and compare the result with the network."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
from tqdm import tqdm

from styletransfer.checkpoint import load_checkpoint
from styletransfer.errors import ParityError, RequestError
from styletransfer.export.deviation import (
    SIDE,
    Deviation,
    choose_pictures,
    deviation,
    photograph_feeds,
)
from styletransfer.export.graph import OPSET, Size, build_graph
from styletransfer.export.parity import SIZES, Difference, check_parity, seeded_feeds
from styletransfer.export.precision import rounded, to_half
from styletransfer.export.quantization import to_int8
from styletransfer.images import Array

# Greatest mean difference of int8 to fp32. A network that was trained has a third of it.
INT8_TOLERANCE = 0.03

Feed = tuple[Array, Array]


@dataclass(frozen=True)
class Exported:
    """An ONNX file and its measurements.

    Attributes:
        content: The bytes of the file.
        styles: Names of the styles; the first is `identity`.
        precision: "fp32", "fp16" or "int8".
        differences: Greatest difference from the network for each size of images; none for int8,
            which is only compared on photographs.
        rounding: Difference of fp16 or int8 to fp32; None for fp32.
        measured_on: Description of the pictures on which `rounding` was measured.
    """

    content: bytes
    styles: tuple[str, ...]
    precision: str
    differences: list[Difference]
    rounding: Deviation | None
    measured_on: str

    def lines(self) -> list[str]:
        """Return the measurements as lines for the user."""
        lines = [
            f"{d.batch}×3×{d.height}×{d.width}: differs by at most {d.greatest:.1e}"
            for d in self.differences
        ]
        if self.rounding is not None:
            lines.insert(
                0,
                f"{self.precision} against fp32: greatest difference {self.rounding.greatest:.1e}, "
                f"mean {self.rounding.mean:.1e} (over {self.measured_on})",
            )
        return lines


def export_checkpoint(
    checkpoint: Path,
    *,
    precision: str = "fp32",
    photographs: Path | None = None,
    size: Size | None = None,
    opset: int = OPSET,
    quiet: bool = True,
) -> Exported:
    """Export the network of a checkpoint, and compare it with ONNX Runtime's output.

    Args:
        checkpoint: A checkpoint file.
        precision: "fp32", "fp16" or "int8".
        photographs: Folder of photographs on which fp16 or int8 is compared with fp32; None uses
            smooth noise. int8 needs it, and two photographs: one half of them gives the ranges of
            the maps, and the other half is compared.
        size: The only number, height and width of images that the file accepts, for runtimes that
            need fixed shapes; None for any.
        opset: Version of the ONNX operators, from 15 to 20, for older runtimes.
        quiet: Whether to hide the progress bar.

    Raises:
        CheckpointError: The checkpoint cannot be used.
        RequestError: The folder has no readable photograph, or fewer than two for int8.
        PrecisionError: A weight exceeds the range of float16.
        ParityError: The output of the graph differs from that of the network, or int8 from fp32.
    """
    trained = load_checkpoint(checkpoint)
    styles = len(trained.styles)
    pictures = choose_pictures(photographs, styles) if photographs else []
    paths = list(dict.fromkeys(path for path, _ in pictures))
    if precision == "int8" and len(paths) < 2:
        raise RequestError(f"{photographs}: int8 needs two photographs, to calibrate and judge")
    graph = build_graph(trained, size, opset)
    sizes = [size] if size else SIZES
    if precision == "fp32":
        differences = check_parity(trained, graph, sizes=sizes)
        return Exported(graph.SerializeToString(), trained.styles, precision, differences, None, "")
    # The pictures are of several sizes.
    whole = build_graph(trained) if size else graph
    if precision == "fp16":
        over = _described(pictures) if pictures else "smooth noise in random blends"
        rounding = _in_half(whole, styles, pictures, quiet)
        graph = to_half(graph)
        differences = check_parity(trained, graph, precision, sizes=sizes)
    else:
        check_parity(trained, graph, sizes=sizes)
        differences = []
        judges = [(path, style) for path, style in pictures if path in paths[1::2]]
        over = _described(judges)
        others = [one for one in pictures if one not in judges]
        feeds = photograph_feeds(others, styles)
        graph = to_int8(whole, _shown(feeds, len(others), quiet))
        feeds = photograph_feeds(judges, styles)
        rounding = deviation(whole, graph, _shown(feeds, len(judges), quiet))
        if not rounding.mean <= INT8_TOLERANCE:
            raise ParityError(
                f"int8 differs from fp32 by {rounding.mean:.2g} on average, more than "
                f"{INT8_TOLERANCE}; use fp32"
            )
    difference = {"max": rounding.greatest, "mean": rounding.mean, "over": over}
    for key, text in {"precision": precision, "difference_to_fp32": json.dumps(difference)}.items():
        graph.metadata_props.add(key=f"styletransfer.{key}", value=text)
    return Exported(
        graph.SerializeToString(), trained.styles, precision, differences, rounding, over
    )


def _in_half(
    graph: onnx.ModelProto, styles: int, pictures: list[tuple[Path, int]], quiet: bool
) -> Deviation:
    """Compare the pictures of a graph in fp16 with those in fp32."""
    feeds = photograph_feeds(pictures, styles) if pictures else iter(seeded_feeds(styles))
    return deviation(graph, rounded(to_half(graph)), _shown(feeds, len(pictures) or None, quiet))


def _shown(feeds: Iterator[Feed], count: int | None, quiet: bool) -> Iterator[Feed]:
    hidden = quiet or not sys.stderr.isatty()
    with tqdm(feeds, total=count, unit="picture", delay=2, disable=hidden) as bar:
        yield from bar


def _described(pictures: Sequence[tuple[Path, int]]) -> str:
    count = len({path for path, _ in pictures})
    return f"{len(pictures)} pictures: {count} photographs of short side {SIDE}"

"""Export the network of a checkpoint, and compare the result with the network."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import onnx
from tqdm import tqdm

from styletransfer.checkpoint import load_checkpoint
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


@dataclass(frozen=True)
class Exported:
    """An ONNX file and its measurements.

    Attributes:
        content: The bytes of the file.
        styles: Names of the styles; the first is `identity`.
        differences: Greatest difference from the network for each size of images.
        half: Difference between fp16 and fp32; None for fp32.
        measured_on: Description of the pictures on which `half` was measured.
    """

    content: bytes
    styles: tuple[str, ...]
    differences: list[Difference]
    half: Deviation | None
    measured_on: str

    def lines(self) -> list[str]:
        """Return the measurements as lines for the user."""
        lines = [
            f"{d.batch}×3×{d.height}×{d.width}: differs by at most {d.greatest:.1e}"
            for d in self.differences
        ]
        if self.half is not None:
            lines.insert(
                0,
                f"fp16 against fp32: greatest difference {self.half.greatest:.1e}, mean "
                f"{self.half.mean:.1e} (over {self.measured_on})",
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
        precision: "fp32" or "fp16".
        photographs: Folder of photographs on which fp16 is compared with fp32; None uses smooth
            noise.
        size: The only number, height and width of images that the file accepts, for runtimes that
            need fixed shapes; None for any.
        opset: Version of the ONNX operators, from 15 to 20, for older runtimes.
        quiet: Whether to hide the progress bar.

    Raises:
        CheckpointError: The checkpoint cannot be used.
        RequestError: The folder has no readable photograph.
        PrecisionError: A weight exceeds the range of float16.
        ParityError: The output of the graph differs from that of the network.
    """
    trained = load_checkpoint(checkpoint)
    styles = len(trained.styles)
    pictures = choose_pictures(photographs, styles) if photographs else []
    graph = build_graph(trained, size, opset)
    half, over = None, ""
    if precision == "fp16":
        over = "smooth noise in random blends"
        if pictures:
            count = len({path for path, _ in pictures})
            over = f"{len(pictures)} pictures: {count} photographs of short side {SIDE}"
        # The pictures are of several sizes.
        half = _in_half(build_graph(trained) if size else graph, styles, pictures, quiet)
        graph = to_half(graph)
        difference = {"max": half.greatest, "mean": half.mean, "over": over}
        for key, value in {"precision": "fp16", "difference_to_fp32": difference}.items():
            text = value if isinstance(value, str) else json.dumps(value)
            graph.metadata_props.add(key=f"styletransfer.{key}", value=text)
    differences = check_parity(trained, graph, precision, sizes=[size] if size else SIZES)
    return Exported(graph.SerializeToString(), trained.styles, differences, half, over)


def _in_half(
    graph: onnx.ModelProto, styles: int, pictures: list[tuple[Path, int]], quiet: bool
) -> Deviation:
    """Compare the pictures of a graph in fp16 with those in fp32."""
    feeds = photograph_feeds(pictures, styles) if pictures else iter(seeded_feeds(styles))
    hidden = quiet or not sys.stderr.isatty()
    with tqdm(feeds, total=len(pictures) or None, unit="picture", delay=2, disable=hidden) as bar:
        return deviation(graph, rounded(to_half(graph)), bar)

"""The pieces of a network between its normalization layers, each a model of its own.

Instance norm needs the statistics of the whole picture. Between two norms a network looks no
farther than its kernels, so a piece can run on one band of rows after another, if the norm at
its start is given as a scale and a shift for each channel. That takes a network whose only
padding is at its beginning, as `compact` is made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from styletransfer.errors import ModelError
from styletransfer.inference.model import INPUTS, OUTPUT

Array = NDArray[np.float32]
Run = Callable[..., list[Array]]

# The side of the images on which the pieces are measured: larger than any kernel reaches.
PROBE = 64


@dataclass(frozen=True)
class Segments:
    """A network in pieces, and how their sizes go together.

    `conditions(style_weights)` gives γ and β of each norm in turn, C numbers each; `eps` is
    what each adds to its variance. `first(padded)` takes the image (1×3×H×W) with `before` more
    rows and columns, as it pads it, at its start and `after` at its end; it reads `stride` rows for
    one that it writes, and `first_more` more. `middle[k](x, scale, shift, style_weights)` reads
    `shrinks[k]` rows more than it writes. `last(x, scale, shift, padded, image, style_weights)`
    writes as many rows as `image` has, `stride` for one of x, of which it reads `last_more`
    more; `padded` is what `first` took for those of x, since a skip connection may lead from
    there to the end. All that is true of rows is true of columns. What lies between is 1×C×h×w;
    `first` and `middle` give with it the mean and the variance of each channel, 1×C×1×1.
    """

    eps: tuple[float, ...]
    before: int
    after: int
    stride: int
    first_more: int
    shrinks: tuple[int, ...]
    last_more: int
    conditions: Run
    first: Run
    middle: tuple[Run, ...]
    last: Run


def cut(path: Path, open_session: Callable[[bytes], Any]) -> Segments:
    """Cut the model file `path` at its norms; `open_session` opens the bytes of a model.

    Raises ModelError for a network that can't run so.
    """
    # Slow to import, and needed for large pictures alone.
    import onnx
    from onnx.utils import Extractor

    model = onnx.load(path)
    graph = model.graph
    if any(p.key == "styletransfer.precision" and p.value == "fp16" for p in model.metadata_props):
        raise ModelError(f"{path}: fp16 can't run in tiles; use the fp32 file, or --tile off")
    norms = [node for node in graph.node if node.op_type == "InstanceNormalization"]
    if not norms or any(_pads(node) for node in graph.node):
        why = "pads between its layers" if norms else "has no instance norm"
        raise ModelError(f"{path}: its network {why}, so it can't run in tiles; use --tile off")
    eps = tuple(_attribute(node, "epsilon", 1e-5) for node in norms)
    rows = [name for node in norms for name in node.input[1:]]
    places = _open_norms(model, norms)
    start = next(node.input[0] for node in graph.node if node.op_type == "Conv")
    for name in (start, *rows, *places):
        graph.value_info.append(onnx.helper.make_tensor_value_info(name, 1, None))
    extractor = Extractor(model)

    def piece(inputs: Sequence[str], *outputs: str) -> Run:
        part = extractor.extract_model(list(inputs), list(dict.fromkeys(outputs)))
        if outputs[0] in places:
            _add_statistics(part, outputs[0])
        try:
            session = open_session(part.SerializeToString())
        except Exception as error:  # ONNX Runtime's share no other base class
            raise ModelError(
                f"{path}: its network can't be cut at its norms, so it can't run in tiles; "
                "use --tile off"
            ) from error
        # One name may stand for several rows, where their tables were equal.
        names = outputs if len(outputs) > 1 else None

        def run(*arrays: Array) -> list[Array]:
            results: list[Array] = session.run(names, dict(zip(inputs, arrays, strict=True)))
            return results

        return run

    conditions = piece(INPUTS[1:], *rows)
    affine = [(x, f"{x}.scale", f"{x}.shift") for x in places]
    first = piece([start], places[0])
    middle = tuple(piece((*affine[k], *INPUTS[1:]), x) for k, x in enumerate(places[1:]))
    image = np.random.default_rng(0).random((1, 3, PROBE, PROBE), dtype=np.float32)
    (padded,) = piece(INPUTS[:1], start)(image)
    before = _place(image, padded)
    stride, first_more = _reach(first)
    shrinks = _shrinks(middle, conditions, graph.input[1].type.tensor_type.shape.dim[1].dim_value)
    rows_at_the_end = (padded.shape[2] - first_more) // stride - sum(shrinks)
    return Segments(
        eps=eps,
        before=before,
        after=padded.shape[2] - PROBE - before,
        stride=stride,
        first_more=first_more,
        shrinks=shrinks,
        last_more=rows_at_the_end - PROBE // stride,
        conditions=conditions,
        first=first,
        middle=middle,
        last=piece((*affine[-1], start, *INPUTS), OUTPUT),
    )


def _open_norms(model: Any, norms: Sequence[Any]) -> list[str]:
    """Put x·scale + shift in the place of each norm; returns the names of the x in turn.

    A norm of the exporter's stands between two Reshapes, which fold a batch into channels.
    """
    from onnx import helper

    graph = model.graph
    maker = {name: node for node in graph.node for name in node.output}
    places = []
    for norm in norms:
        fold = maker[norm.input[0]]
        (unfold,) = [node for node in graph.node if norm.output[0] in node.input]
        x, y = fold.input[0], unfold.output[0]
        scaled = helper.make_node("Mul", [x, f"{x}.scale"], [f"{x}.scaled"])
        shifted = helper.make_node("Add", [f"{x}.scaled", f"{x}.shift"], [y])
        at = list(graph.node).index(norm)
        for node in (norm, unfold):
            graph.node.remove(node)
        graph.node.insert(at, shifted)
        graph.node.insert(at, scaled)
        for name in (f"{x}.scale", f"{x}.shift"):
            graph.value_info.append(helper.make_tensor_value_info(name, 1, None))
        places.append(x)
    return places


def _add_statistics(part: Any, output: str) -> None:
    """Let `part` also give the mean and the variance of each channel of its output."""
    from onnx import TensorProto, helper

    axes, mean, spread = f"{output}.axes", f"{output}.mean", f"{output}.variance"
    part.graph.initializer.append(helper.make_tensor(axes, TensorProto.INT64, [2], [2, 3]))
    part.graph.node.extend(
        [
            helper.make_node("ReduceMean", [output, axes], [mean]),
            helper.make_node("Sub", [output, mean], [f"{output}.centered"]),
            helper.make_node("Mul", [f"{output}.centered"] * 2, [f"{output}.squared"]),
            helper.make_node("ReduceMean", [f"{output}.squared", axes], [spread]),
        ]
    )
    for name in (mean, spread):
        part.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))


def _pads(node: Any) -> bool:
    if node.op_type == "Pad":
        return True
    auto = _attribute(node, "auto_pad", b"NOTSET")
    return auto not in (b"NOTSET", b"VALID") or any(_attribute(node, "pads", ()))


def _attribute(node: Any, name: str, default: Any) -> Any:
    from onnx import helper

    found = [helper.get_attribute_value(a) for a in node.attribute if a.name == name]
    return found[0] if found else default


def _place(image: Array, padded: Array) -> int:
    """At which row of `padded` the image begins."""
    side = image.shape[2]
    corners = range(padded.shape[2] - side + 1)
    return next(
        i for i in corners if np.array_equal(padded[:, :, i : i + side, i : i + side], image)
    )


def _reach(first: Run) -> tuple[int, int]:
    """The stride s and the m of which n rows in give (n − m) // s out."""
    sizes: list[int] = []
    grown: list[int] = []
    while len(grown) < 2:
        rows = PROBE + len(sizes)
        sizes.append(first(np.zeros((1, 3, rows, PROBE), np.float32))[0].shape[2])
        if len(sizes) > 1 and sizes[-1] > sizes[-2]:
            grown.append(rows)
    stride = (grown[1] - grown[0]) // (sizes[-1] - sizes[grown[0] - PROBE])
    return stride, grown[1] - stride * sizes[-1]


def _shrinks(middle: Sequence[Run], conditions: Run, styles: int) -> tuple[int, ...]:
    weights = np.eye(1, styles, dtype=np.float32)
    gammas = conditions(weights)[::2]
    lost = []
    for run, gamma in zip(middle, gammas, strict=False):
        affine = np.zeros((1, len(gamma), 1, 1), np.float32)
        out = run(np.zeros((1, len(gamma), PROBE, PROBE), np.float32), affine, affine, weights)[0]
        lost.append(PROBE - out.shape[2])
    return tuple(lost)

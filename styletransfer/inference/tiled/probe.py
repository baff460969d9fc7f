"""Run a whole network on small images to find the shapes of its tensors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from styletransfer.export import INPUTS, OUTPUT
from styletransfer.images import Array
from styletransfer.inference.tiled.geometry import Uncuttable

IMAGE, WEIGHTS = INPUTS

SIZES = ((37, 26), (28, 41), (43, 35))


@dataclass(frozen=True)
class Probe:
    """The result of one run.

    Attributes:
        image: The image, float32 1×3×H×W.
        padded: The padded image.
        shapes: Shape of each map.
        values: Value of each tensor that is no map.
    """

    image: Array
    padded: Array
    shapes: Mapping[str, tuple[int, ...]]
    values: Mapping[str, NDArray[Any]]


def probe(
    model: Any,
    kinds: Mapping[str, str],
    padded: str,
    styles: int,
    open_session: Callable[[bytes], Any],
) -> list[Probe]:
    """Run a model on an image of each of `SIZES`, with a blend of all styles.

    Args:
        model: The ONNX model.
        kinds: Kind of each tensor, from `kinds_of`.
        padded: Name of the padded image.
        styles: Number of style weights.
        open_session: Opens a session for the bytes of a model.

    Raises:
        Uncuttable: The model cannot be run.
    """
    import onnx

    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    names = [name for node in model.graph.node for name in node.output if name]
    maps = [name for name in names if kinds[name] == "map"]
    values = [name for name in names if kinds[name] != "map"]
    for name in maps:
        whole.graph.node.append(onnx.helper.make_node("Shape", [name], [f"{name}.probe"]))
    fetched = [*(f"{name}.probe" for name in maps), *values]
    fetched += [padded] if padded != IMAGE else []
    known = {OUTPUT}
    whole.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in fetched if name not in known
    )
    weights = np.full((1, styles), 1 / styles, np.float32)
    random = np.random.default_rng(0)
    runs = []
    try:
        session = open_session(whole.SerializeToString())
        for size in SIZES:
            pixels = random.integers(0, 256, (1, 3, *size)) / np.float32(255)
            image = pixels.astype(np.float32)
            found = dict(
                zip(fetched, session.run(fetched, {IMAGE: image, WEIGHTS: weights}), strict=True)
            )
            runs.append(
                Probe(
                    image,
                    found.get(padded, image),
                    {name: tuple(found[f"{name}.probe"].tolist()) for name in maps}
                    | {IMAGE: image.shape},
                    {name: found[name] for name in values},
                )
            )
    except Exception as error:  # ONNX Runtime's exceptions have no other common base class
        reason = str(error).strip().partition("\n")[0]
        raise Uncuttable(f"cannot run on small pictures ({reason})") from None
    return runs

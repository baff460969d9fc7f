"""Divide a model file at its norms into passes, each an ONNX model that runs on tiles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from styletransfer.errors import ModelError
from styletransfer.images import Array
from styletransfer.inference.runner import shrinking
from styletransfer.inference.tiled.geometry import Uncuttable
from styletransfer.inference.tiled.graph import Graph, Layer
from styletransfer.inference.tiled.passes import Ranges, passes_of
from styletransfer.inference.tiled.pieces import ROW, conditions_of, cut_name, piece_of
from styletransfer.inference.tiled.probe import WEIGHTS

OpenSession = Callable[[bytes], Any]


@dataclass(frozen=True)
class Norm:
    """An instance norm.

    Attributes:
        name: Name of its output.
        of: Name of the map that it normalizes.
        gamma: Name of γ.
        beta: Name of β.
        epsilon: Value that is added to the variance.
    """

    name: str
    of: str
    gamma: str
    beta: str
    epsilon: float


class TiledNetwork:
    """A network that is divided into passes.

    Attributes:
        graph: The graph of the model file.
        passes: The passes in their order.
        norms: All norms.
    """

    def __init__(self, path: Path, styles: int, open_session: OpenSession) -> None:
        """Divide a model file.

        Args:
            path: The ONNX file.
            styles: Number of its style weights.
            open_session: Opens a session for the bytes of a model.

        Raises:
            ModelError: The network cannot run in tiles.
        """
        import onnx  # slow to import, and needed only for large pictures

        try:
            model = onnx.load(path)
        except Exception:  # the parser of protobuf may raise any exception
            raise ModelError(
                f"{path}: only an .onnx file can run in tiles; use one, or --tile off"
            ) from None
        _forget_sizes(model)
        properties = {one.key: one.value for one in model.metadata_props}
        if precision := properties.get("styletransfer.precision"):
            raise ModelError(
                f"{path}: {precision} can't run in tiles; use the fp32 file, or --tile off"
            )
        try:
            self.graph = Graph(model, styles, open_session)
            self.passes = passes_of(self.graph)
            pieces = [piece_of(self.graph, one) for one in self.passes]
            self._sessions = [_opened(piece, open_session) for piece in pieces]
        except Uncuttable as error:
            raise ModelError(
                f"{path}: its network {error}, so it can't run in tiles; use --tile off"
            ) from None
        self._inputs = [[one.name for one in session.get_inputs()] for session in self._sessions]
        self.norms = [_norm(layer) for layer in self.graph.layers if layer.is_norm]
        self._names = sorted({name for one in self.norms for name in (one.gamma, one.beta)})
        self._conditions = open_session(conditions_of(self.graph, self._names))
        self._row = np.eye(1, styles, dtype=np.float32)

    def conditions(self, weights: Array) -> Mapping[str, Array]:
        """Return γ and β of all norms by name, for a style row (1×S)."""
        _, *values = self._conditions.run([ROW, *self._names], {WEIGHTS: weights})
        return dict(zip(self._names, values, strict=True))

    def release(self) -> None:
        """Give back the memory that tiles took: all these sessions share it."""
        self._conditions.run([ROW], {WEIGHTS: self._row}, shrinking("cpu:0"))

    def run(
        self,
        place: int,
        tile: tuple[Ranges, Ranges],
        maps: Mapping[str, Array],
        affine: Mapping[str, tuple[Array, Array]],
        weights: Array,
    ) -> dict[str, tuple[Array, ...]]:
        """Run a pass on a tile.

        Args:
            place: Number of the pass, from 0.
            tile: Plans of the rows and columns of the tile.
            maps: The inputs of the pass, with the sizes of the plans.
            affine: Scale and shift (1×C×1×1) of each norm of lower levels.
            weights: A style row, 1×S.

        Returns:
            Each output of the pass. With a measured output come the mean and variance of its
            channels (1×C×1×1).
        """
        one = self.passes[place]
        feed: dict[str, NDArray[Any]] = {WEIGHTS: weights, **maps}
        for layer in one.layers:
            name = layer.node.output[0]
            if layer.is_norm:
                feed[f"{name}.scale"], feed[f"{name}.shift"] = affine[name]
            sides = [ranges.length(name) for ranges in tile]
            feed[f"{name}.shape"] = np.array([1, self.graph.shapes[name][1], *sides], np.int64)
        for edge in tile[0].taken:
            parts = [(ranges.taken[edge], ranges.made[edge[1]]) for ranges in tile]
            if edge in one.cropped:
                for bound, key in enumerate(("from", "to")):
                    corner = [taken[bound] - made[0] for taken, made in parts]
                    feed[f"{cut_name(edge)}.{key}"] = np.array(corner, np.int64)
            elif any(taken != made for taken, made in parts):
                raise AssertionError(f"a tile takes {parts} of {edge}")
        results = iter(
            self._sessions[place].run(None, {name: feed[name] for name in self._inputs[place]})
        )
        return {
            name: tuple(next(results) for _ in range(3 if name in one.measured else 1))
            for name in one.outputs
        }


def _forget_sizes(model: Any) -> None:
    """Let a model that was exported for one size of pictures run on others."""
    for value in (*model.graph.input, *model.graph.output):
        for place, side in enumerate(value.type.tensor_type.shape.dim):
            if place != 1:
                side.dim_param = f"{value.name}.{place}"
    del model.graph.value_info[:]


def _opened(piece: bytes, open_session: OpenSession) -> Any:
    try:
        return open_session(piece)
    except Exception as error:  # ONNX Runtime's exceptions have no other common base class
        reason = str(error).strip().partition("\n")[0]
        raise Uncuttable(f"cannot be divided at its norms ({reason})") from None


def _norm(layer: Layer) -> Norm:
    of, gamma, beta = layer.node.input
    return Norm(layer.node.output[0], of, gamma, beta, layer.attributes.get("epsilon", 1e-5))

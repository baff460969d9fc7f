"""A model file cut at its norms: each pass is an ONNX model of its own, ready to run on tiles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from styletransfer.errors import ModelError
from styletransfer.images import Array
from styletransfer.inference.tiled.geometry import Uncuttable
from styletransfer.inference.tiled.graph import Graph, Layer
from styletransfer.inference.tiled.passes import Ranges, passes_of
from styletransfer.inference.tiled.pieces import conditions_of, cut_name, piece_of
from styletransfer.inference.tiled.probe import WEIGHTS

OpenSession = Callable[[bytes], Any]


@dataclass(frozen=True)
class Norm:
    """An instance norm: the map that it makes, the map that it normalizes, γ, β and ε."""

    name: str
    of: str
    gamma: str
    beta: str
    epsilon: float


class TiledNetwork:
    """A network in passes.

    Attributes:
        graph: What the file says.
        passes: In order.
        norms: All norms.
    """

    def __init__(self, path: Path, styles: int, open_session: OpenSession) -> None:
        """Cut the model file `path`.

        Args:
            path: An ONNX file.
            styles: Number of style weights that it takes.
            open_session: Opens the bytes of a model.

        Raises:
            ModelError: The network cannot run in tiles.
        """
        import onnx  # slow to import, and needed for large pictures alone

        try:
            model = onnx.load(path)
        except Exception:  # the parser of protobuf has no error of its own
            raise ModelError(
                f"{path}: only an .onnx file can run in tiles; use one, or --tile off"
            ) from None
        _forget_sizes(model)
        properties = {one.key: one.value for one in model.metadata_props}
        if properties.get("styletransfer.precision") == "fp16":
            raise ModelError(f"{path}: fp16 can't run in tiles; use the fp32 file, or --tile off")
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
        names = {name for norm in self.norms for name in (norm.gamma, norm.beta)}
        self._fixed = {name: self.graph.constants[name] for name in names & {*self.graph.constants}}
        self._blended = sorted(names - set(self._fixed))
        if self._blended:
            self._conditions = open_session(conditions_of(self.graph, self._blended))

    def conditions(self, weights: Array) -> Mapping[str, Array]:
        """Return γ and β of all norms by name, for a row of style weights (1×S)."""
        if not self._blended:
            return self._fixed
        values = self._conditions.run(self._blended, {WEIGHTS: weights})
        return self._fixed | dict(zip(self._blended, values, strict=True))

    def run(
        self,
        place: int,
        tile: tuple[Ranges, Ranges],
        maps: Mapping[str, Array],
        affine: Mapping[str, tuple[Array, Array]],
        weights: Array,
    ) -> dict[str, tuple[Array, ...]]:
        """Run pass number `place` on a tile.

        Args:
            place: From 0.
            tile: The plans of its rows and columns.
            maps: The inputs of the pass, each of the size that the plan says.
            affine: Scale and shift (1×C×1×1) of each norm so far.
            weights: A row of style weights.

        Returns:
            Each output of the pass; after one that is measured, the mean and the variance of each
            of its channels (1×C×1×1).
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
    """Let a model that was made for one size of pictures be tried on others."""
    for value in (*model.graph.input, *model.graph.output):
        for place, side in enumerate(value.type.tensor_type.shape.dim):
            if place != 1:
                side.dim_param = f"{value.name}.{place}"
    del model.graph.value_info[:]


def _opened(piece: bytes, open_session: OpenSession) -> Any:
    try:
        return open_session(piece)
    except Exception as error:  # ONNX Runtime's share no other base class
        reason = str(error).strip().partition("\n")[0]
        raise Uncuttable(f"cannot be cut at its norms ({reason})") from None


def _norm(layer: Layer) -> Norm:
    of, gamma, beta = layer.node.input
    return Norm(layer.node.output[0], of, gamma, beta, layer.attributes.get("epsilon", 1e-5))

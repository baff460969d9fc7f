"""Maps come back from the scratch file as they were written, in whatever parts."""

from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest

from styletransfer.inference.tiled.network import TiledNetwork
from styletransfer.inference.tiled.store import PANEL, places, stored_maps
from tests.styletransfer.inference.tiled.graphs import NETWORKS, STYLES, open_session, write


@cache
def network(name: str) -> TiledNetwork:
    path = write(Path(mkdtemp()) / "m.onnx", NETWORKS[name])
    return TiledNetwork(path, len(STYLES), open_session)


@pytest.mark.parametrize("width", [40, 2 * PANEL - 45, 700])
def test_parts(width: int) -> None:
    of = network("residual")
    layout = of.graph.layout(70, width)
    random = np.random.default_rng(0)
    with stored_maps(of, layout) as store:
        maps = {}
        for name in ("c", "d"):
            height, across = layout.sizes[name]
            maps[name] = random.standard_normal((1, 6, height, across)).astype(np.float32)
            cuts = sorted({0, across, *(int(n) for n in random.integers(1, across, 5))})
            for top, bottom in ((0, 9), (9, height)):
                for left, right in pairwise(cuts):
                    part = maps[name][..., top:bottom, left:right]
                    store.write(name, part, (top, bottom), (left, right))
        for _ in range(50):
            for name, array in maps.items():
                rows, columns = (
                    tuple(int(n) for n in sorted(random.choice(side + 1, 2, replace=False)))
                    for side in layout.sizes[name]
                )
                part = store.read(name, (rows[0], rows[1]), (columns[0], columns[1]))
                expected = array[..., rows[0] : rows[1], columns[0] : columns[1]]
                np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "plain"])
def test_no_two_maps_share_a_place_while_both_are_needed(name: str) -> None:
    of = network(name)
    layout = of.graph.layout(101, 83)
    starts, size = places(of, layout)
    total = 0
    for number, one in enumerate(of.passes):
        later = {each for other in of.passes[number:] for each in other.inputs}
        alive = {*one.inputs, *one.outputs, *(each for each in starts if each in later)}
        born = {each for other in of.passes[: number + 1] for each in other.outputs}
        spans = []
        for each in alive & born & starts.keys():
            height, width = layout.sizes[each]
            spans.append((starts[each], starts[each] + 4 * 6 * height * width))
        for (_, end), (start, _) in pairwise(sorted(spans)):
            assert end <= start
        total = max(total, max((end for _, end in spans), default=0))
    assert total == size

"""Any network without inner padding gives in tiles what it gives for the whole picture."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import onnx
import pytest

from styletransfer.errors import ModelError
from styletransfer.export.parity import SIZES, seeded_feeds
from styletransfer.export.precision import to_half
from styletransfer.export.quantization import to_int8
from styletransfer.images import Pixels, to_pixels, to_tensor
from styletransfer.inference.tiled.grid import TileGrid
from styletransfer.inference.tiled.network import TiledNetwork
from styletransfer.inference.tiled.tiling import ArrayRows, stylize_tiles
from tests.assets import shipped
from tests.styletransfer.inference.compact_model import exported, noise
from tests.styletransfer.inference.tiled.graphs import (
    NETWORKS,
    PADDED,
    STYLES,
    open_session,
    write,
)

BLEND = np.array([[0.2, 0.5, 0.3]], np.float32)


@cache
def made(name: str) -> tuple[Path, TiledNetwork]:
    path = Path(mkdtemp()) / f"{name}.onnx"
    write(path, NETWORKS[name], PADDED.get(name, (20, 24)))
    return path, TiledNetwork(path, len(STYLES), open_session)


def tiled(network: TiledNetwork, image: Pixels, weights: np.ndarray, *counts: int) -> Pixels:
    layout = network.graph.layout(*image.shape[:2])
    grid = TileGrid(
        tuple(
            (min(counts[0], one.most(layout, 0)), min(counts[1], one.most(layout, 1)))
            for one in network.passes
        )
    )
    result = ArrayRows(np.zeros_like(image))
    stylize_tiles(network, ArrayRows(image), result, weights, grid)
    return result.rgb


def whole(path: Path, image: Pixels, weights: np.ndarray) -> Pixels:
    feed = {"image": to_tensor(image), "style_weights": weights}
    return to_pixels(open_session(str(path)).run(None, feed)[0])


def assert_alike(one: Pixels, other: Pixels) -> None:
    apart = np.abs(one.astype(int) - other)
    assert apart.max() <= 1
    assert (apart > 0).sum() <= max(1, 0.01 * apart.size)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("height", "width"), [(27, 40), (64, 64), (101, 83), (30, 333)])
def test_tiles_equal_the_whole(name: str, height: int, width: int) -> None:
    path, network = made(name)
    image = noise(height, width)
    expected = whole(path, image, BLEND)
    assert expected.std() > 10
    for counts in ((1, 1), (3, 1), (1, 4), (2, 3), (7, 5)):
        assert_alike(tiled(network, image, BLEND, *counts), expected)


def test_what_is_stored() -> None:
    """Inputs of norms, and what is needed later and small: not what the picture gives again."""
    stored = {
        name: {out for one in made(name)[1].passes for out in one.outputs} - {"stylized"}
        for name in NETWORKS
    }
    assert stored == {
        "chain": {"a", "d"},
        "skips": {"b", "d"},
        "residual": {"b", "b3", "c", "d", "d3"},
        "coarse_to_fine": {"a", "c", "d", "f", "m"},
        "parallel": {"a", "b"},
        "folded": {"b"},
        "plain": set(),
    }
    assert [len(made(name)[1].passes) for name in NETWORKS] == [3, 3, 5, 5, 2, 2, 1]


def test_norms_at_one_level_are_measured_in_one_pass() -> None:
    _, network = made("parallel")
    assert network.passes[0].measured == ("a", "b")


@pytest.mark.parametrize(("height", "width"), [(3, 70), (64, 48), (101, 83), (90, 1)])
@pytest.mark.parametrize("counts", [(1, 1), (9, 1), (2, 3)])
def test_the_exported_network(height: int, width: int, counts: tuple[int, int]) -> None:
    path = exported()
    image = noise(height, width)
    network = TiledNetwork(path, 3, open_session)
    assert_alike(tiled(network, image, BLEND, *counts), whole(path, image, BLEND))


def test_a_picture_of_one_pixel() -> None:
    """It is flat, so norms divide rounding by almost nothing, and that differs between CPUs."""
    path, image = exported(), noise(1, 1)
    result = tiled(TiledNetwork(path, 3, open_session), image, BLEND, 2, 3)
    assert np.abs(result.astype(int) - whole(path, image, BLEND)).max() <= 8


@pytest.mark.parametrize("style", range(3))
def test_every_style(style: int) -> None:
    path, image = exported(), noise(77, 60)
    weights = np.eye(3, dtype=np.float32)[[style]]
    result = tiled(TiledNetwork(path, 3, open_session), image, weights, 3, 2)
    assert_alike(result, whole(path, image, weights))
    assert (style == 0) == np.array_equal(result, image)


def test_every_style_of_the_shipped_gallery() -> None:
    path, image = shipped("gallery.onnx"), noise(300, 210)
    session = open_session(str(path))
    styles = session.get_inputs()[1].shape[1]
    network = TiledNetwork(path, styles, open_session)
    for weights in np.eye(styles, dtype=np.float32)[:, None]:
        expected = session.run(None, {"image": to_tensor(image), "style_weights": weights})[0]
        assert_alike(tiled(network, image, weights, 2, 2), to_pixels(expected))


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("a = Conv <pads = [1, 1, 1, 1]> (x, w3)", "paint = Conv (a, wout)"), "pads between its"),
        (
            ('a = Conv <auto_pad = "SAME_UPPER"> (x, w3)', "paint = Conv (a, wout)"),
            "pads between its layers",
        ),
        (
            ("a = Conv (x, w3)", 'p = Pad <mode = "edge"> (a, pads)', "paint = Conv (p, wout)"),
            "pads between its layers",
        ),
        (
            ("a = Conv (x, w3)", "p = GlobalAveragePool (a)", "q = Add (a, p)",
             "paint = Conv (q, wout)"),
            "contains GlobalAveragePool, which may depend",
        ),
        (
            ("a = Conv (x, w3)", "u = ConvTranspose <strides = [1, 1]> (a, wup)",
             "paint = Conv (u, wout)"),
            "ConvTranspose whose kernels overlap",
        ),
        (
            ("a = Conv (x, w3)", "t = Transpose <perm = [0, 1, 3, 2]> (a)",
             "paint = Conv (t, wout)"),
            "contains Transpose",
        ),
        (
            ("a = Conv (x, w3)", 'u = Resize <mode = "linear"> (a, , scales)',
             "paint = Conv (u, wout)"),
            "contains Resize",
        ),
        (
            ("a = Conv (x, w3)", "m = ReduceMean <keepdims = 0> (a, sides)",
             "k = Squeeze (m, zero1)",
             "n = InstanceNormalization (a, k, beta)", "paint = Conv (n, wout)"),
            "ReduceMean",
        ),
    ],
)  # fmt: skip
def test_networks_that_cannot_be_cut(tmp_path: Path, lines: tuple[str, ...], why: str) -> None:
    path = write(tmp_path / "m.onnx", lines)
    model = onnx.load(path)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0]), "zero1"))
    onnx.save(model, path)
    with pytest.raises(ModelError, match=rf"m\.onnx: its network .*{why}.*--tile off") as refusal:
        TiledNetwork(path, len(STYLES), open_session)
    assert "\n" not in str(refusal.value)


def test_an_image_that_is_padded_in_an_unknown_way(tmp_path: Path) -> None:
    model = onnx.load(write(tmp_path / "m.onnx", NETWORKS["plain"]))
    model.graph.node[0].attribute[0].s = b"constant"
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="pads the picture in an unknown way"):
        TiledNetwork(tmp_path / "m.onnx", len(STYLES), open_session)


def test_johnson_is_refused() -> None:
    with pytest.raises(ModelError, match=r"johnson.*pads between its layers.*--tile off"):
        TiledNetwork(exported("johnson"), 3, open_session)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_lower_precision_is_refused(precision: str, tmp_path: Path) -> None:
    low = onnx.load(exported())
    low = to_half(low) if precision == "fp16" else to_int8(low, seeded_feeds(3, sizes=SIZES[:1]))
    low.metadata_props.add(key="styletransfer.precision", value=precision)
    onnx.save(low, tmp_path / "low.onnx")
    with pytest.raises(ModelError, match=rf"low.onnx: {precision} .* use the fp32 file"):
        TiledNetwork(tmp_path / "low.onnx", 3, open_session)


def test_an_older_opset(tmp_path: Path) -> None:
    """Before opset 18 a mean takes its axes as an attribute."""
    model = onnx.load(write(tmp_path / "m.onnx", NETWORKS["chain"], (9, 12)))
    model.opset_import[0].version = 17
    onnx.save(model, tmp_path / "m.onnx")
    network = TiledNetwork(tmp_path / "m.onnx", len(STYLES), open_session)
    image = noise(50, 44)
    expected = whole(tmp_path / "m.onnx", image, BLEND)
    assert_alike(tiled(network, image, BLEND, 2, 3), expected)

"""`styletransfer export`: the file that it writes, what it says of it, and wrong calls."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from styletransfer.errors import ModelError
from styletransfer.export import deviation, export, parity
from styletransfer.export.graph import build_graph
from styletransfer.export.parity import SIZES
from styletransfer.images import Array, read_image, to_tensor
from styletransfer.inference import Stylizer
from tests.styletransfer.commands.calls import refused, run
from tests.styletransfer.untrained import STYLES, randomized, save_checkpoint


@pytest.fixture(scope="module")
def graph() -> bytes:
    content: bytes = build_graph(randomized()).SerializeToString()
    return content


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return save_checkpoint(tmp_path / "c.ckpt")


@pytest.fixture
def built(graph: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the command the graph of `randomized()` without the seconds that it takes."""
    monkeypatch.setattr(export, "build_graph", lambda *_: onnx.ModelProto.FromString(graph))


def test_a_checkpoint_becomes_a_file_that_stylizes(checkpoint: Path, tmp_path: Path) -> None:
    result = run("export", checkpoint, tmp_path / "o.onnx")
    assert result.exit_code == 0, result.output
    assert result.output.count("differs by at most") == len(SIZES)
    assert "wrote" in result.output and "3 styles" in result.output
    stylizer = Stylizer(tmp_path / "o.onnx")
    assert stylizer.styles == STYLES
    image = np.random.default_rng(0).random((2, 3, 21, 34), dtype=np.float32)
    rows = np.array([[0, 0.25, 0.75], [0.5, 0.5, 0]], np.float32)
    expected = randomized().network(torch.from_numpy(image), torch.from_numpy(rows))
    np.testing.assert_allclose(
        stylizer.stylize_tensor(image, rows), expected.detach().numpy(), atol=1e-5
    )


def test_a_file_of_the_users_is_not_overwritten_unasked(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.onnx"
    out.write_text("precious")
    assert "exists" in refused("export", checkpoint, out)
    assert out.read_text() == "precious"


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_failed_parity_check_leaves_no_file(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.setitem(parity.TOLERANCES, precision, -1.0)
    call = ("export", checkpoint, tmp_path / "o.onnx", "--precision", precision)
    assert "the exported graph differs" in refused(*call, status=1)
    assert [p.name for p in tmp_path.iterdir()] == ["c.ckpt"]


def save_photographs(folder: Path) -> Path:
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        coarse = random.integers(0, 256, (6, 8, 3), np.uint8)
        Image.fromarray(coarse).resize((96, 64), Image.Resampling.BILINEAR).save(
            folder / f"{name}.png"
        )
    return folder


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("on_photographs", [True, False])
def test_an_fp16_file_says_how_far_it_is_from_fp32(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_photographs: bool
) -> None:
    monkeypatch.setattr(deviation, "SIDE", 64)
    call: list[object] = ["export", checkpoint, tmp_path / "half.onnx", "--precision", "fp16"]
    if on_photographs:
        call += ["--photographs", save_photographs(tmp_path / "photographs")]
    result = run(*call)
    assert result.exit_code == 0, result.output
    run("export", checkpoint, tmp_path / "full.onnx")

    half, full = (onnx.load(tmp_path / f"{name}.onnx") for name in ("half", "full"))
    metadata = {p.key: p.value for p in half.metadata_props}
    assert metadata.pop("styletransfer.precision") == "fp16"
    said = json.loads(metadata.pop("styletransfer.difference_to_fp32"))
    assert metadata == {p.key: p.value for p in full.metadata_props}
    assert f"greatest difference {said['max']:.1e}, mean {said['mean']:.1e}" in result.output
    if on_photographs:
        assert said["over"].startswith("4 pictures: 2 photographs")
        images = [
            (
                to_tensor(read_image(tmp_path / "photographs" / f"{name}.png").rgb),
                np.eye(3)[[style]],
            )
            for name in ("a", "b")
            for style in (1, 2)
        ]
    else:
        assert said["over"].startswith("smooth noise")
        images = parity.seeded_feeds(3)
    # The oracle: what the two files give on the CPU, which rounds less often.
    two = [Stylizer(tmp_path / f"{name}.onnx") for name in ("half", "full")]
    differences = np.concatenate(
        [
            np.abs(one - other).ravel()
            for one, other in (
                [s.stylize_tensor(image, rows.astype(np.float32)) for s in two]
                for image, rows in images
            )
        ]
    )
    assert 0.3 * said["max"] < differences.max() < 1.5 * said["max"]
    assert 0.3 * said["mean"] < differences.mean() < 1.2 * said["mean"]


@pytest.mark.usefixtures("built")
def test_an_int8_file_is_judged_by_other_photographs_than_it_is_made_from(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deviation, "SIDE", 64)
    seen: list[set[Path]] = []

    def spied(pictures: list[tuple[Path, int]], styles: int) -> Iterator[tuple[Array, Array]]:
        seen.append({path for path, _ in pictures})
        return deviation.photograph_feeds(pictures, styles)

    monkeypatch.setattr(export, "photograph_feeds", spied)
    photographs = save_photographs(tmp_path / "photographs")
    call = ("export", checkpoint, tmp_path / "o.onnx", "--photographs", photographs)
    result = run(*call, "--precision", "int8")
    assert result.exit_code == 0, result.output
    assert len(seen) == 2 and not seen[0] & seen[1]
    metadata = {p.key: p.value for p in onnx.load(tmp_path / "o.onnx").metadata_props}
    assert metadata["styletransfer.precision"] == "int8"
    said = json.loads(metadata["styletransfer.difference_to_fp32"])
    assert said["over"].startswith("2 pictures: 1 photographs")
    assert f"int8 against fp32: greatest difference {said['max']:.1e}" in result.output
    # That would be said of the graph before it was quantized.
    assert "differs by at most" not in result.output

    monkeypatch.setattr(export, "INT8_TOLERANCE", -1.0)
    call = (*call, "--precision", "int8", "--overwrite")
    assert "int8 differs from fp32" in refused(*call, status=1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--photographs", "."], "--photographs needs --precision fp16 or int8"),
        (["--precision", "fp16", "--photographs", "none"], "none"),
        (["--precision", "fp16", "--photographs", "empty"], "empty: there is no image"),
        (["--precision", "int8"], "--precision int8 needs --photographs"),
        (["--precision", "int8", "--photographs", ".", "--size", "9x9"], "takes no --size"),
        (["--precision", "int8", "--photographs", "one"], "one: int8 needs two photographs"),
        (["--precision", "int4"], "'int4' is not one of 'fp32', 'fp16', 'int8'"),
    ],
)
def test_wrong_precision_calls_leave_no_file(
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (save_photographs(tmp_path / "one") / "b.png").unlink()
    assert said in refused("export", checkpoint, "o.onnx", *options)
    assert not (tmp_path / "o.onnx").exists()


@pytest.mark.parametrize("precision, atol", [("fp32", 1e-5), ("fp16", 2e-2)])
def test_a_fixed_size_and_older_operators(
    checkpoint: Path, tmp_path: Path, precision: str, atol: float
) -> None:
    options = ("--size", "40x24", "--batch", 2, "--opset", 17, "--precision", precision)
    result = run("export", checkpoint, tmp_path / "o.onnx", *options)
    assert result.exit_code == 0, result.output
    assert result.output.count("differs by at most") == 1
    graph = onnx.load(tmp_path / "o.onnx")
    assert [item.version for item in graph.opset_import if item.domain == ""] == [17]
    for value in (graph.graph.input[0], graph.graph.output[0]):
        assert [dim.dim_value for dim in value.type.tensor_type.shape.dim] == [2, 3, 24, 40]
    image = np.random.default_rng(0).random((2, 3, 24, 40), dtype=np.float32)
    rows = np.array([[0, 0.25, 0.75], [0.5, 0.5, 0]], np.float32)
    expected = randomized().network(torch.from_numpy(image), torch.from_numpy(rows))
    stylizer = Stylizer(tmp_path / "o.onnx")
    np.testing.assert_allclose(
        stylizer.stylize_tensor(image, rows), expected.detach().numpy(), atol=atol
    )
    with pytest.raises(ModelError, match="40×24"):
        stylizer.stylize_tensor(image[..., :20], rows)


@pytest.mark.parametrize("size", ["40", "40x", "0x24", "40x-1", "40x24x2", "x", "1e3x2"])
def test_what_is_no_size(checkpoint: Path, tmp_path: Path, size: str) -> None:
    line = refused("export", checkpoint, tmp_path / "o.onnx", "--size", size)
    assert f"{size!r} is no width and height in pixels" in line


def test_a_batch_needs_a_size(checkpoint: Path, tmp_path: Path) -> None:
    assert "--batch needs --size" in refused("export", checkpoint, tmp_path / "o", "--batch", 2)


@pytest.mark.usefixtures("built")
def test_a_repository_for_triton(checkpoint: Path, tmp_path: Path) -> None:
    call = ("export", checkpoint, "--triton", tmp_path / "models")
    assert "no such folder" in refused(*call)
    (tmp_path / "models").mkdir()
    result = run(*call)
    assert result.exit_code == 0, result.output
    assert f"wrote {tmp_path}/models/styletransfer: 3 styles" in result.output
    assert Stylizer(tmp_path / "models/styletransfer/1/model.onnx").styles == STYLES
    assert "exists already" in refused(*call)
    (tmp_path / "models/styletransfer/config.pbtxt").write_text("damaged")
    assert run(*call, "--overwrite").exit_code == 0
    assert "damaged" not in (tmp_path / "models/styletransfer/config.pbtxt").read_text()


@pytest.mark.parametrize("words", [(), ("o.onnx", "--triton", "models")])
def test_a_file_or_a_repository(checkpoint: Path, words: tuple[str, ...]) -> None:
    assert "give either OUTPUT or --triton DIR" in refused("export", checkpoint, *words)

"""export.py: the graph, its metadata, its parity with the network, and wrong calls."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from styletransfer.checkpoint import PREFIX, TrainedNetwork, entry
from styletransfer.commands.main import cli
from styletransfer.errors import ParityError
from styletransfer.export import deviation, export, parity
from styletransfer.export.graph import build_graph
from styletransfer.export.parity import SIZES, check_parity
from styletransfer.images import read_image, to_tensor
from styletransfer.inference import Stylizer
from styletransfer.losses import Objective
from styletransfer.networks.conditional_instance_norm import ConditionalInstanceNorm2d
from tests.styletransfer.networks import variants

STYLES = ("identity", "the_scream", "udnie")
OPTIONS = {**variants.SMALL, "coarse_channels": 16, "fine_channels": 16}


def randomized(name: str) -> TrainedNetwork:
    """A network whose styles differ and whose paintings show."""
    options = OPTIONS if name == "compact" else {}
    return TrainedNetwork(variants.randomized(name, len(STYLES), **options), name, STYLES, "noise")


def save(trained: TrainedNetwork, path: Path) -> Path:
    about = entry(trained.name, trained.network, trained.styles, trained.trained_on, Objective(), 0)
    state = {PREFIX + name: value for name, value in trained.network.state_dict().items()}
    checkpoint = {"state_dict": state, "styletransfer": about}
    torch.save(checkpoint, path)
    return path


@pytest.fixture(scope="module")
def graph() -> onnx.ModelProto:
    return build_graph(randomized("compact"))


@pytest.fixture
def built(graph: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the command the graph of `randomized("compact")` without the seconds it takes."""
    monkeypatch.setattr(export, "build_graph", lambda trained: onnx.ModelProto.FromString(content))
    content = graph.SerializeToString()


def test_inputs_output_and_metadata_are_those_of_the_format(graph: onnx.ModelProto) -> None:
    def shape(value: onnx.ValueInfoProto) -> list[str | int]:
        return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]

    assert {v.name: shape(v) for v in graph.graph.input} == {
        "image": ["N", 3, "H", "W"],
        "style_weights": ["N", 3],
    }
    assert {v.name: shape(v) for v in graph.graph.output} == {"stylized": ["N", 3, "H", "W"]}
    metadata = {p.key: p.value for p in graph.metadata_props}
    assert metadata.pop("styletransfer.receptive_field").isdecimal()
    assert metadata.pop("styletransfer.bytes_per_pixel").isdecimal()
    assert json.loads(metadata.pop("styletransfer.styles")) == list(STYLES)
    assert metadata == {
        "styletransfer.format": "1",
        "styletransfer.network": "compact",
        "styletransfer.trained_on": "noise",
    }


def test_nothing_of_the_machine_is_in_the_file(graph: onnx.ModelProto) -> None:
    content = graph.SerializeToString()
    assert b"site-packages" not in content
    assert str(Path(__file__).parents[3]).encode() not in content


def test_each_norm_is_one_operator(graph: onnx.ModelProto) -> None:
    counts = [node.op_type for node in graph.graph.node]
    norms = [
        layer
        for layer in randomized("compact").network.modules()
        if isinstance(layer, ConditionalInstanceNorm2d)
    ]
    assert counts.count("InstanceNormalization") == len(norms) >= 3
    assert "Pad" not in counts and "ReduceMean" not in counts


@pytest.mark.parametrize("name", ["compact", "johnson"])
def test_parity_on_every_size(name: str) -> None:
    trained = randomized(name)
    differences = check_parity(trained, build_graph(trained))
    assert [(d.batch, d.height, d.width) for d in differences] == list(SIZES)
    assert (1, 1, 1) in SIZES and len(SIZES) >= 5
    assert max(d.greatest for d in differences) <= 1e-3


def test_another_networks_graph_fails_the_parity_check(graph: onnx.ModelProto) -> None:
    other = randomized("compact")
    with torch.no_grad():
        other.network.fine.tint.add_(0.01)  # type: ignore[union-attr, operator]
    with pytest.raises(ParityError, match=r"1×3×256×256 .* differs"):
        check_parity(other, graph)


def test_a_checkpoint_becomes_a_file_that_stylizes(tmp_path: Path) -> None:
    trained = randomized("compact")
    checkpoint = save(trained, tmp_path / "c.ckpt")
    result = CliRunner().invoke(cli, ["export", str(checkpoint), str(tmp_path / "o.onnx")])
    assert result.exit_code == 0, result.output
    assert result.output.count("differs by at most") == len(SIZES)
    assert "wrote" in result.output and "3 styles" in result.output
    stylizer = Stylizer(tmp_path / "o.onnx")
    assert stylizer.styles == STYLES
    image = np.random.default_rng(0).random((2, 3, 21, 34), dtype=np.float32)
    rows = np.array([[0, 0.25, 0.75], [0.5, 0.5, 0]], np.float32)
    expected = trained.network(torch.from_numpy(image), torch.from_numpy(rows))
    np.testing.assert_allclose(
        stylizer.stylize_tensor(image, rows), expected.detach().numpy(), atol=1e-5
    )


def test_a_file_of_the_users_is_not_overwritten_unasked(tmp_path: Path) -> None:
    checkpoint = save(randomized("compact"), tmp_path / "c.ckpt")
    out = tmp_path / "o.onnx"
    out.write_text("precious")
    result = CliRunner().invoke(cli, ["export", str(checkpoint), str(out)])
    assert result.exit_code == 2 and "exists" in result.output
    assert out.read_text() == "precious"


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_failed_parity_check_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    monkeypatch.setitem(parity.TOLERANCES, precision, -1.0)
    checkpoint = save(randomized("compact"), tmp_path / "c.ckpt")
    call = [str(checkpoint), str(tmp_path / "o.onnx"), "--precision", precision]
    result = CliRunner().invoke(cli, ["export", *call])
    assert result.exit_code == 1 and "the exported graph differs" in result.output
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_photographs: bool
) -> None:
    monkeypatch.setattr(deviation, "SIDE", 64)
    checkpoint = save(randomized("compact"), tmp_path / "c.ckpt")
    call = [str(checkpoint), str(tmp_path / "half.onnx"), "--precision", "fp16"]
    if on_photographs:
        call += ["--photographs", str(save_photographs(tmp_path / "photographs"))]
    result = CliRunner().invoke(cli, ["export", *call])
    assert result.exit_code == 0, result.output
    CliRunner().invoke(cli, ["export", str(checkpoint), str(tmp_path / "full.onnx")])

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


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (["--photographs", "."], 2, "--photographs goes with --precision fp16"),
        (["--precision", "fp16", "--photographs", "none"], 2, "none"),
        (["--precision", "fp16", "--photographs", "empty"], 2, "empty: there is no image"),
        (["--precision", "int8"], 2, "'int8' is not one of 'fp32', 'fp16'"),
    ],
)
def test_wrong_precision_calls_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], status: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    checkpoint = save(randomized("compact"), tmp_path / "c.ckpt")
    result = CliRunner().invoke(cli, ["export", str(checkpoint), "o.onnx", *options])
    assert result.exit_code == status and said in result.output
    assert not (tmp_path / "o.onnx").exists()

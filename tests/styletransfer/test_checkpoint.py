"""A checkpoint's format, and its styles: what stays of them stays to the bit."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EMAWeightAveraging

from styletransfer.checkpoint import (
    ENTRY,
    STATES,
    Checkpoint,
    append_styles,
    checkpoint_network,
    checkpoint_objective,
    load_checkpoint,
    read_checkpoint,
    select_styles,
)
from styletransfer.errors import CheckpointError, StyleError
from styletransfer.networks.style_rows import shared_and_own
from tests.styletransfer.training.tiny import data, make_data, module, trainer

IMAGE = torch.rand(2, 3, 37, 50, generator=torch.Generator().manual_seed(0))
JOHNSON: dict[str, Any] = {"network": "johnson", "network_options": {}}


def train(root: Path, **changes: Any) -> Path:
    """A checkpoint of three paintings after two steps, and its data, below `root`."""
    folders = make_data(root, paintings=3)
    fitting = trainer(root, 2, [EMAWeightAveraging(decay=0.5)])
    fitting.fit(module(folders["paintings"], **changes), data(folders["photographs"]))
    fitting.save_checkpoint(root / "c.ckpt")
    return root / "c.ckpt"


@pytest.fixture(scope="module", params=[{}, JOHNSON], ids=["compact", "johnson"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("run"), **request.param)


def outputs(checkpoint: Checkpoint, state: str) -> dict[str, torch.Tensor]:
    network = checkpoint_network(checkpoint, state)
    names = checkpoint["styletransfer"]["styles"]
    with torch.no_grad():
        return {name: network(IMAGE, torch.eye(len(names))[[i, i]]) for i, name in enumerate(names)}


@pytest.mark.parametrize("state", STATES)
def test_old_styles_stay_to_the_bit(trained: Path, state: str) -> None:
    before = read_checkpoint(trained)
    old = outputs(before, state)
    grown = append_styles(before, ["a", "b"])
    assert grown["styletransfer"]["styles"] == [*old, "a", "b"]
    new = outputs(grown, state)
    chosen = outputs(select_styles(grown, ["painting2", "b", "painting0"]), state)
    assert list(chosen) == ["identity", "painting2", "b", "painting0"]
    assert all(torch.equal(new[name], old[name]) for name in old)
    assert all(torch.equal(chosen[name], new[name]) for name in chosen)
    assert not torch.equal(new["a"], new["painting0"])
    assert list(before["styletransfer"]["styles"]) == list(old)


def test_a_new_style_starts_from_a_blend(trained: Path) -> None:
    start = torch.tensor([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])
    before = read_checkpoint(trained)
    grown = append_styles(before, ["a", "b"], start)
    with torch.no_grad():
        blend = checkpoint_network(before)(IMAGE, torch.tensor([[0, 0.5, 0.25, 0.25]] * 2))
    new = outputs(grown, "state_dict")
    torch.testing.assert_close(new["a"], blend, rtol=0, atol=1e-5)
    assert torch.equal(new["b"], new["painting1"])


def test_the_moments_follow_their_rows(trained: Path) -> None:
    before = read_checkpoint(trained)
    shared, own = shared_and_own(checkpoint_network(before))
    names = [*shared, *own]
    after = select_styles(append_styles(before, ["a"]), ["a", "painting1"])
    (old,), (new,) = before["optimizer_states"], after["optimizer_states"]
    moved = 0
    for index, moments in old["state"].items():
        shape = after["state_dict"][f"network.{names[index]}"].shape
        assert new["state"][index].keys() == moments.keys()
        for key, was in moments.items():
            value = new["state"][index][key]
            if key == "step":
                assert value == was
                continue
            assert value.shape == shape
            if value.shape == was.shape:
                assert torch.equal(value, was)
            else:
                painted = was[len(was) - 3 :]
                assert torch.equal(value[-1], painted[1])
                torch.testing.assert_close(value[-2], painted.mean(0))
                moved += 1
    assert moved > 4


def test_training_goes_on_from_it(trained: Path, tmp_path: Path) -> None:
    """With `fit --ckpt_path`, on the styles of the new order."""
    checkpoint = read_checkpoint(trained)
    torch.save(select_styles(append_styles(checkpoint, ["z"]), ["z", "painting0"]), tmp_path / "n")
    folders = make_data(tmp_path)
    options = JOHNSON if checkpoint["styletransfer"]["network"] == "johnson" else {}
    files = [folders["paintings"] / "painting1.png", folders["paintings"] / "painting0.png"]
    ours = module([files[0].rename(files[0].with_stem("z")), files[1]], **options)

    class Look(pl.Callback):
        def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            wanted = torch.load(tmp_path / "n", weights_only=True)["current_model_state"]
            state = pl_module.state_dict()
            assert all(torch.equal(state[name], value) for name, value in wanted.items())

    fitting = trainer(tmp_path, 4, [EMAWeightAveraging(decay=0.5), Look()])
    fitting.fit(ours, data(folders["photographs"]), ckpt_path=tmp_path / "n")
    assert fitting.global_step == 4 and ours.counters()["refused_steps"] == 0


def test_lists_that_do_not_do(trained: Path) -> None:
    checkpoint = read_checkpoint(trained)
    for names, said in (
        (["painting0", "paintng1"], "'paintng1'; there are painting1"),
        (["painting0", "painting0"], "named twice"),
        (["identity"], "at least one painting"),
    ):
        with pytest.raises(StyleError, match=said):
            select_styles(checkpoint, names)
    for name in ("painting1", "identity"):
        with pytest.raises(StyleError, match="already; give another name"):
            append_styles(checkpoint, [name])
    with pytest.raises(StyleError, match="already"):
        append_styles(checkpoint, ["a", "a"])
    for name in ("", " a", "a:b", "a,b"):
        with pytest.raises(StyleError, match="no name for a style"):
            append_styles(checkpoint, [name])


# The format


def changed(path: Path, out: Path, change: Any) -> Path:
    checkpoint = torch.load(path, weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, out)
    return out


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(path)
    line = str(error.value)
    assert "\n" not in line and str(path) in line
    return line


def test_an_old_checkpoint_is_refused_by_its_version_with_the_remedy(
    trained: Path, tmp_path: Path
) -> None:
    """The first format had no version in it."""
    old = changed(trained, tmp_path / "old.ckpt", lambda c: c["styletransfer"].pop("format"))
    assert "format is 1" in refusal(old) and "reads format 2" in refusal(old)
    assert "train the network again, or use the version that wrote" in refusal(old)
    new = changed(trained, tmp_path / "new", lambda c: c["styletransfer"].update(format=3))
    assert "format is 3" in refusal(new)


def test_files_that_are_no_checkpoint_of_ours(trained: Path, tmp_path: Path) -> None:
    assert "there is no such checkpoint" in refusal(tmp_path / "none.ckpt")
    (tmp_path / "text.ckpt").write_text("hello")
    assert "can be read" in refusal(tmp_path / "text.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
    assert "lacks the entry 'styletransfer'" in refusal(tmp_path / "other.ckpt")

    def one_more(checkpoint: Checkpoint) -> None:
        checkpoint["styletransfer"]["styles"].append("one_more")

    assert "do not fit" in refusal(changed(trained, tmp_path / "wrong.ckpt", one_more))


@pytest.mark.parametrize(
    "key", ["network", "options", "styles", "trained_on", "objective", "batches"]
)
def test_a_missing_entry_is_named(trained: Path, tmp_path: Path, key: str) -> None:
    path = changed(trained, tmp_path / "c.ckpt", lambda c: c["styletransfer"].pop(key))
    assert f"styletransfer.{key} is missing or malformed" in refusal(path)


WRONG: tuple[Any, ...] = (None, -1, 1e400, "x" * 1000, [[]], {"a": {"b": []}}, 10**30)
ENTRIES = ("format", "network", "options", "styles", "trained_on", "objective", "batches")


def entry_with(key: str, value: Any, inside: str | None = None) -> Any:
    def change(checkpoint: Checkpoint) -> None:
        entry = checkpoint[ENTRY] if inside is None else checkpoint[ENTRY][inside]
        entry[key] = value

    return change


def malformed() -> dict[str, Any]:
    """Ways to spoil a checkpoint, by what tells them apart."""
    ways: dict[str, Any] = {}
    for key in ENTRIES:
        for value in WRONG:
            harmless = {"trained_on": str, "batches": int}.get(key)
            if type(value) is not harmless or value == -1:
                ways[f"{key} {value!r:.9}"] = entry_with(key, value)
    for option, value in (
        *(("coarse_channels", 10**6), ("coarse_channels", -4), ("head", 0.5), ("stem", None)),
        *(("fine_kernels", [4]), ("fine_kernels", "abc"), ("unknown", 1)),
    ):
        ways[f"option {option} {value}"] = entry_with(option, value, "options")
    for key, value in (
        *(("style_taps", [1]), ("scales", ["a"]), ("style_weight", "a"), ("painting_size", 0)),
        ("more", 1),
    ):
        ways[f"objective {key}"] = entry_with(key, value, "objective")
    for state in STATES:
        ways |= {
            f"{state} is a list": lambda c, s=state: c.update({s: []}),
            f"{state} by number": lambda c, s=state: c[s].update({1: torch.ones(1)}),
            f"{state} holds a text": lambda c, s=state: c[s].update({FIRST: "a"}),
            f"{state} lacks one": lambda c, s=state: c[s].pop(FIRST),
            f"{state} of another shape": lambda c, s=state: c[s].update({FIRST: torch.ones(2)}),
            f"{state} has a NaN": lambda c, s=state: c[s][FIRST].fill_(float("nan")),
        }
    for name, moment in (
        *(("moments are a list", []), ("moments are a text", "a"), ("moments are empty", {})),
        ("moments of another shape", {"step": ONE, "exp_avg": ONE, "exp_avg_sq": ONE}),
        ("moments are texts", {"step": ONE, "exp_avg": "a", "exp_avg_sq": "b"}),
    ):
        ways[name] = lambda c, m=moment: c["optimizer_states"][0]["state"].update({3: m})
    for value in (None, 3, {"state": {}}, ["a"], [{}], [{"state": []}], [{"state": {99: {}}}]):
        ways[f"optimizer_states {value}"] = lambda c, v=value: c.update(optimizer_states=v)
    return ways


ONE = torch.ones(())
FIRST = "network.fine.tint"
WAYS = malformed()


def test_there_are_at_least_fifty_ways() -> None:
    assert len(WAYS) >= 50


@pytest.fixture(scope="module")
def compact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("compact"))


@pytest.mark.parametrize("way", WAYS)
def test_a_malformed_checkpoint_is_one_line(compact: Path, tmp_path: Path, way: str) -> None:
    line = refusal(changed(compact, tmp_path / "c.ckpt", WAYS[way]))
    assert len(line) < 600


@pytest.mark.parametrize("damage", ["empty", "html", "half", "one byte", "a folder"])
def test_a_damaged_file_is_one_line(trained: Path, tmp_path: Path, damage: str) -> None:
    path, whole = tmp_path / "c.ckpt", trained.read_bytes()
    if damage == "a folder":
        path.mkdir()
    else:
        html = b"<!DOCTYPE html><title>404</title>" * 20
        path.write_bytes(
            {"empty": b"", "html": html, "half": whole[: len(whole) // 2], "one byte": whole[:-1]}[
                damage
            ]
        )
    assert str(path) in refusal(path)
    assert len(refusal(path)) < len(str(path)) + 180  # no advice for programmers


def test_no_pickled_code_is_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "owned",))  # type: ignore[return-value]

    torch.save({"styletransfer": Evil()}, tmp_path / "evil.ckpt")
    assert "can be read" in refusal(tmp_path / "evil.ckpt")
    assert not (tmp_path / "owned").exists()


def test_a_checkpoint_knows_what_it_was_trained_for(trained: Path) -> None:
    aim = checkpoint_objective(read_checkpoint(trained))
    assert (aim.loss_network, aim.style_taps) == ("vgg16", ("relu1_1", "relu2_1"))
    assert (aim.painting_size, aim.scales) == (32, (1, 2, 4))

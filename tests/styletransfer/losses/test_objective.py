"""The one total: by a formula of its own, and the same number wherever it is asked for."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from styletransfer.evaluation import judge
from styletransfer.losses import Critic, LossNetwork, Objective, frame_loss, grid_loss, tone_loss
from styletransfer.losses.objective import averaged
from styletransfer.networks import StyleNetwork
from styletransfer.training.append import Painting
from styletransfer.training.module import StyleTransferModule
from tests.styletransfer.training.tiny import save_noise

# Everything counts, each with a weight of its own; the taps are cheap ones.
AIM = Objective(
    loss_network="vgg16",
    style_taps=("relu1_1", "relu2_1"),
    content_tap="relu1_2",
    painting_size=48,
    style_weight=7.0,
    content_weight=3.0,
    tone_weight=0.5,
    tv_weight=0.25,
    grid_weight=2.0,
    frame_weight=1.5,
)


@pytest.fixture(scope="module")
def critic() -> Critic:
    return Critic(AIM, LossNetwork(AIM.loss_network, AIM.taps, "random"))


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def relative(value: Tensor, target: Tensor) -> Tensor:
    return ((value - target) ** 2).sum() / (target**2).sum()


def gram(features: Tensor) -> Tensor:
    """Of one sample, C×H×W."""
    return torch.einsum("ahw,bhw->ab", features, features) / features[0].numel()


def shrunk(image: Tensor, factor: int) -> Tensor:
    """Means over cells, by reshaping; both sides are multiples of `factor`."""
    n, c, h, w = image.shape
    return image.reshape(n, c, h // factor, factor, w // factor, factor).mean((3, 5))


def features(net: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """The features of the image's own cells, with a mirror image of 24 pixels around it."""
    wide = np.pad(image.numpy(), [(0, 0), (0, 0), (24, 24), (24, 24)], "reflect")
    found = net(torch.from_numpy(wide))
    cells = {tap: 24 * x.shape[3] // (image.shape[3] + 48) for tap, x in found.items()}
    return {
        tap: x[..., cells[tap] : -cells[tap], cells[tap] : -cells[tap]] for tap, x in found.items()
    }


def by_hand(
    net: nn.Module, aim: Objective, picture: Tensor, photograph: Tensor, painting: Tensor
) -> dict[str, float]:
    """The losses of one sample, 1×3×H×W."""
    found = {}
    for scale in aim.scales:
        out, target = (features(net, shrunk(image, scale)) for image in (picture, painting))
        each = [relative(gram(out[tap][0]), gram(target[tap][0])) for tap in aim.style_taps]
        found[f"style_{scale}"] = sum(each) / len(each)
    found["style"] = sum(found.values()) / len(aim.scales)
    tap = aim.content_tap
    found["content"] = relative(features(net, picture)[tap], features(net, photograph)[tap])
    return {name: float(value) for name, value in found.items()}


def test_the_total_and_each_scale_are_the_formula(critic: Critic) -> None:
    pictures, photographs = uniform(2, 3, 72, 80), uniform(2, 3, 72, 80, seed=1)
    paintings = [uniform(1, 3, 48, 64, seed=2), uniform(1, 3, 56, 48, seed=3)]
    losses = critic.losses(pictures, photographs, critic.style_targets(paintings))
    total = AIM.total(losses)
    names = ["style_1", "style_2", "style_4", "style", "content", "tone", "tv", "grid", "frame"]
    assert sorted(losses) == sorted(names)
    for i, painting in enumerate(paintings):
        picture, photograph = pictures[i : i + 1], photographs[i : i + 1]
        expected = by_hand(critic.loss_network, AIM, picture, photograph, painting)
        expected["tone"] = tone_loss(picture, photograph).item()
        expected["grid"] = grid_loss(picture, photograph).item()
        expected["frame"] = frame_loss(picture, photograph).item()
        assert expected["frame"] > 0
        expected["tv"] = sum(picture.diff(dim=dim).abs().mean().item() for dim in (2, 3))
        for name in names:
            assert losses[name][i].item() == pytest.approx(expected[name], rel=1e-4), name
        by_weight = 7 * expected["style"] + 3 * expected["content"] + 0.5 * expected["tone"]
        by_weight += 0.25 * expected["tv"] + 2 * expected["grid"] + 1.5 * expected["frame"]
        assert total[i].item() == pytest.approx(by_weight, rel=1e-4)


def test_a_loss_without_a_weight_is_not_computed(critic: Critic) -> None:
    off = dict.fromkeys(("tone_weight", "tv_weight", "grid_weight", "frame_weight"), 0.0)
    bare = Critic(replace(AIM, **off), critic.loss_network)
    targets = bare.style_targets([uniform(1, 3, 48, 64)])
    found = bare.losses(uniform(1, 3, 32, 32), uniform(1, 3, 32, 32, seed=1), targets)
    assert not {"tone", "tv", "grid", "frame"} & found.keys()


def test_a_draft_is_judged_at_its_size_and_the_scales_above_it(critic: Critic) -> None:
    """What is half as large counts as the picture would that looks so when averaged."""
    picture, photograph = uniform(1, 3, 64, 80), uniform(1, 3, 64, 80, seed=1)
    targets = critic.style_targets([uniform(1, 3, 48, 64, seed=2)])
    whole = critic.losses(picture, photograph, targets)
    half = critic.losses(shrunk(picture, 2), shrunk(photograph, 2), targets, size=2)
    assert "style_1" not in half
    for scale in (2, 4):
        assert_close(half[f"style_{scale}"], whole[f"style_{scale}"])
    assert_close(half["style"], (whole["style_2"] + whole["style_4"]) / 2)
    smaller = critic.losses(shrunk(picture, 2), shrunk(photograph, 2), targets)
    assert_close(half["content"], smaller["content"])


def test_a_known_content_target_changes_nothing(critic: Critic) -> None:
    picture, photograph = uniform(2, 3, 32, 40), uniform(2, 3, 32, 40, seed=1)
    targets = critic.style_targets([uniform(1, 3, 48, 64)] * 2)
    content = critic.content_target(photograph)
    known = critic.losses(picture, photograph, targets, content)
    for name, value in critic.losses(picture, photograph, targets).items():
        assert torch.equal(known[name], value), name


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_averaging_is_the_mean_of_cells(factor: int) -> None:
    image = uniform(2, 3, 16, 24)
    assert_close(averaged(image, factor), shrunk(image, factor))


@pytest.mark.parametrize("height, width", [(1, 1), (1, 7), (3, 2)])
def test_a_tiny_image_stays_as_it_is(height: int, width: int) -> None:
    image = uniform(1, 3, height, width)
    assert torch.equal(averaged(image, 4), image)


def test_a_small_side_is_averaged_down_to_four_pixels() -> None:
    image = uniform(1, 3, 9, 40)
    assert averaged(image, 4).shape == (1, 3, 4, 10)
    assert_close(averaged(image, 4)[..., 0, 0], image[..., :2, :4].mean((2, 3)))


def test_an_entry_of_a_checkpoint_gives_the_same_objective() -> None:
    entry = AIM.as_entry()
    assert type(entry["style_taps"]) is type(entry["scales"]) is list
    assert Objective.from_entry(entry) == AIM


class Repeats(StyleNetwork):
    """Paints the photograph's own mirror image, whatever the style."""

    exact_identity = True
    options: ClassVar = {}
    styles = 2

    def forward(self, image: Tensor, style_weights: Tensor) -> Tensor:
        return image.flip(3)


def test_training_add_style_and_evaluate_give_one_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aim = Objective(painting_size=48)
    monkeypatch.setattr(judge, "OBJECTIVE", aim)
    file = save_noise(tmp_path / "a.png", 60, 50, 1)
    photograph, network = uniform(1, 3, 40, 48), Repeats()
    judged = judge.Judge({"a": file}, "random").losses(
        network(photograph, photograph), photograph, "a"
    )
    added = Painting(file, aim, "random")
    row = torch.tensor([0.0, 1.0])
    learned = added.loss(network, added.crops(photograph), row, drafting=False)
    ours = StyleTransferModule([file], loss_weights="random", painting_size=48)
    ours.setup("fit")
    ours.network = network
    _, trained = ours.losses(photograph, torch.tensor([1]))
    assert trained["total"].item() == pytest.approx(judged["total"].item(), rel=1e-5)
    assert learned.item() == pytest.approx(judged["total"].item(), rel=1e-5)
    for name in ("style_1", "style_2", "style_4", "style", "content"):
        assert trained[name].item() == pytest.approx(judged[name].item(), rel=1e-5), name

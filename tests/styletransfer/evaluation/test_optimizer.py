"""The losses that a model is judged by, and the iterations that reach them."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.evaluation.judge import Judge
from styletransfer.evaluation.optimizer import Equivalent, equivalent_iterations
from styletransfer.images import read_image, to_tensor
from styletransfer.losses import LossNetwork
from tests.styletransfer.training.tiny import save_noise


@pytest.fixture(scope="module")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_noise(tmp_path_factory.mktemp("styles") / "noise.png", 50, 40, seed=1)


@pytest.fixture(scope="module")
def judge(painting: Path) -> Judge:
    return Judge({"noise": painting}, "random")


@pytest.fixture
def photo(tmp_path: Path) -> Tensor:
    image = read_image(save_noise(tmp_path / "p.png", 40, 32, seed=2))
    return torch.from_numpy(to_tensor(image.rgb))


def test_the_losses_are_the_stated_ones(judge: Judge, painting: Path, photo: Tensor) -> None:
    taps = ["relu1_1", "relu2_1", "relu3_1", "relu3_3"]
    net = LossNetwork("vgg19", [*taps, "relu3_2"], "random")
    photo = F.interpolate(photo, scale_factor=4)  # at a quarter larger than what surrounds it
    output = photo.flip(3)
    style = torch.from_numpy(to_tensor(read_image(painting, short_side=384).rgb))

    def seen(image: Tensor, scale: int = 1) -> dict[str, Tensor]:
        found = net(F.pad(F.avg_pool2d(image, scale), [20] * 4, "reflect"))
        cut = {"1": 20, "2": 10, "3": 5}
        inner = {tap: slice(cut[tap[4]], -cut[tap[4]]) for tap in found}
        return {tap: x[:, :, inner[tap], inner[tap]] for tap, x in found.items()}

    def gram(features: Tensor) -> Tensor:
        flat = features[0].flatten(1)
        return flat @ flat.T / flat.shape[1]

    def relative(value: Tensor, target: Tensor) -> float:
        return ((value - target).norm() ** 2 / target.norm() ** 2).item()

    losses = judge.losses(output, photo, "noise")
    each = []
    for scale in (1, 2, 4):
        out, target = seen(output, scale), seen(style, scale)
        each.append(sum(relative(gram(out[tap]), gram(target[tap])) for tap in taps) / 4)
        assert losses[f"style_{scale}"].item() == pytest.approx(each[-1], rel=1e-4)
    content = relative(seen(output)["relu3_2"], seen(photo)["relu3_2"])
    expected = sum(each) / 3
    assert losses["style"].item() == pytest.approx(expected, rel=1e-4)
    assert losses["content"].item() == pytest.approx(content, rel=1e-4)
    assert losses["total"].item() == pytest.approx(20 * expected + content, rel=1e-4)


def equivalent(judge: Judge, photo: Tensor, target: float, cap: int = 6) -> Equivalent:
    return equivalent_iterations(judge, photo, "noise", target, cap, quiet=True)


def test_the_photograph_itself_is_reached_by_no_iteration(judge: Judge, photo: Tensor) -> None:
    start = judge.losses(photo, photo, "noise")["total"].item()
    found = equivalent(judge, photo, target=start)
    assert (found.iterations, found.start, found.reached) == (0, start, start)


def test_what_is_never_reached_has_no_number(judge: Judge, photo: Tensor) -> None:
    found = equivalent(judge, photo, target=0, cap=3)
    assert found.iterations is None and found.cap == 3
    assert 0 < found.reached < found.start


def test_the_count_is_that_of_the_iterations(judge: Judge, photo: Tensor) -> None:
    """As many as torch's own optimizer needs that is allowed just so many, and one fewer not."""

    def least(iterations: int) -> float:
        return equivalent(judge, photo, target=0, cap=iterations).reached

    target = (least(3) + least(4)) / 2
    assert least(4) < target < least(3)
    assert equivalent(judge, photo, target).iterations == 4


def test_a_lower_loss_takes_longer_and_the_photograph_stays(judge: Judge, photo: Tensor) -> None:
    before = photo.clone()
    start = equivalent(judge, photo, target=float("inf")).start
    counts = [equivalent(judge, photo, f * start, cap=20).iterations for f in (0.9, 0.3, 0.1)]
    assert None not in counts and counts == sorted(counts) and counts[0] < counts[2]  # type: ignore[operator, type-var]
    assert torch.equal(photo, before)

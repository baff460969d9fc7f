"""Saliency methods against Captum, naive loops and numbers worked out by hand."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interp.network.classifier import Classifier
from interp.network.relus import ReplacedReLUs
from interp.network.taps import find_layer
from interp.saliency import METHODS
from interp.saliency.cam import grad_cam, last_map_layer
from interp.saliency.covering import occlusion, windows
from interp.saliency.gradients import gradient, input_x_gradient, integrated_gradients, smoothgrad
from interp.saliency.guided import guided_backprop
from interp.saliency.methods import attribution, explain
from interp.saliency.sanity import cascading_randomization, layers_from_the_top, rank_correlation
from interp.saliency.targets import class_probability, class_score, layer_value
from styletransfer.errors import RequestError, WorkError

CLOSE = {"rtol": 1e-5, "atol": 1e-7}


class Plain(nn.Module):
    """All that Captum handles rightly: each ReLU a module of its own, none in place."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 5, 3, padding=1),
            nn.ReLU(),
        )
        self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean((2, 3)))


@pytest.fixture
def plain() -> Plain:
    torch.manual_seed(1)
    return Plain().eval()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, 12, 14, generator=torch.Generator().manual_seed(0))


def test_gradients_equal_captums(plain: Plain, images: Tensor) -> None:
    attr = pytest.importorskip("captum.attr")
    target = class_score(2)
    x = images.clone().requires_grad_()
    torch.testing.assert_close(
        explain("gradient", plain, images, target),
        attr.Saliency(plain).attribute(x, target=2).amax(1),
        **CLOSE,
    )
    torch.testing.assert_close(
        input_x_gradient(plain, images, target),
        attr.InputXGradient(plain).attribute(x, target=2).detach(),
        **CLOSE,
    )
    torch.testing.assert_close(
        integrated_gradients(plain, images, target, steps=20),
        attr.IntegratedGradients(plain).attribute(x, target=2, n_steps=20).detach().float(),
        rtol=1e-5,
        atol=1e-6,
    )
    layer = attr.LayerGradCam(plain, plain.features[3])
    small = layer.attribute(x, target=2, relu_attributions=True).detach()
    large = F.interpolate(small, (12, 14), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(grad_cam(plain, images, target, layer="features.3"), large, **CLOSE)


def test_guided_equals_captums(plain: Plain, images: Tensor) -> None:
    attr = pytest.importorskip("captum.attr")
    x = images.clone().requires_grad_()
    theirs = attr.GuidedBackprop(plain).attribute(x, target=1).detach()
    torch.testing.assert_close(guided_backprop(plain, images, class_score(1)), theirs, **CLOSE)
    ours = attribution("guided-grad-cam", plain, images, class_score(1))
    both = attr.GuidedGradCam(plain, find_layer(plain, last_map_layer(plain, images)))
    large = both.attribute(x, target=1, interpolate_mode="bilinear").detach()
    torch.testing.assert_close(ours, large, **CLOSE)
    neuron = attr.NeuronGuidedBackprop(plain, plain.features[3])
    torch.testing.assert_close(
        guided_backprop(plain, images, layer_value("features.3", 4, (2, 3))),
        neuron.attribute(x, neuron_selector=(4, 2, 3)).detach(),
        **CLOSE,
    )
    torch.testing.assert_close(
        guided_backprop(plain, images, layer_value("features.3", 4)),
        neuron.attribute(x, neuron_selector=lambda value: value[:, 4].sum((1, 2))).detach(),
        **CLOSE,
    )


@pytest.mark.parametrize(("window", "stride"), [(4, 4), (5, 3), (12, 5)])
def test_occlusion_equals_captums(plain: Plain, images: Tensor, window: int, stride: int) -> None:
    attr = pytest.importorskip("captum.attr")
    theirs = attr.Occlusion(plain).attribute(
        images, (3, window, window), (3, stride, stride), baselines=0.5, target=0
    )
    ours = occlusion(plain, images, class_score(0), window=window, stride=stride, batch=7)
    torch.testing.assert_close(ours, theirs[:, 0].to(ours), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("baseline", ["gray", "zero", torch.rand(3, 12, 14)])
def test_occlusion_equals_a_loop(plain: Plain, images: Tensor, baseline: str | Tensor) -> None:
    image, target = images[:1], class_probability(3)
    color = {"gray": 0.5, "zero": 0.0}.get(baseline, 0) if isinstance(baseline, str) else baseline
    total, count = np.zeros((12, 14)), np.zeros((12, 14))
    whole = plain(image).softmax(1)[0, 3].item()
    for top in (0, 3, 6, 9):
        for left in (0, 3, 6, 9):
            inside = torch.zeros(12, 14, dtype=torch.bool)
            inside[top : top + 5, left : left + 5] = True
            fall = whole - float(plain(torch.where(inside, color, image)).softmax(1)[0, 3])
            total[inside] += fall
            count[inside] += 1
    ours = occlusion(plain, image, target, window=5, stride=3, baseline=baseline)[0]
    np.testing.assert_allclose(ours, total / count, rtol=1e-4, atol=1e-7)


def test_a_blur_that_covers_a_flat_image_changes_nothing(plain: Plain) -> None:
    flat = torch.full((1, 3, 12, 14), 0.3)
    fall = occlusion(plain, flat, class_score(0), window=5, stride=3, baseline="blur")
    assert fall.abs().max() < 1e-6


def test_the_batch_is_halved_when_memory_runs_out(plain: Plain, images: Tensor) -> None:
    most = 3

    def tight(model: nn.Module, x: Tensor) -> Tensor:
        if len(x) > most:
            raise torch.OutOfMemoryError("no memory")
        return class_score(0)(model, x)

    done: list[int] = []
    ours = occlusion(plain, images, tight, window=4, stride=2, batch=16, done=done.append)
    torch.testing.assert_close(
        ours, occlusion(plain, images, class_score(0), window=4, stride=2, batch=1)
    )
    assert max(done) == 2
    assert sum(done) == 2 * len(windows(12, 14, 4, 2))
    most = 0
    with pytest.raises(torch.OutOfMemoryError):
        occlusion(plain, images, tight)

    def only_one(model: nn.Module, x: Tensor) -> Tensor:
        if (x == 0.5).any():
            raise error
        return class_score(0)(model, x)

    error: Exception = torch.OutOfMemoryError("no memory")
    with pytest.raises(WorkError, match="not enough memory for one image"):
        occlusion(plain, images, only_one)
    # What has another cause is no matter of memory, and keeps its own words.
    error = RuntimeError("DefaultCPUAllocator: can't allocate memory")
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator"):
        occlusion(plain, images, only_one)


def test_windows_cover_all_and_stay_inside() -> None:
    for size in range(1, 12):
        for window in range(1, 8):
            for stride in range(1, window + 1):
                seen = {p for _, a, _, b in windows(1, size, window, stride) for p in range(a, b)}
                assert seen == set(range(size))
    with pytest.raises(RequestError, match="stride of 5 does not fit"):
        windows(9, 9, 4, 5)


def test_smoothgrad_is_the_mean_gradient_of_noisy_images(plain: Plain, images: Tensor) -> None:
    target = class_score(1)
    random = torch.Generator().manual_seed(7)
    expected = torch.zeros_like(images)
    for _ in range(4):
        normal = torch.randn(images.shape, generator=random)
        for index, image in enumerate(images):
            noisy = image + 0.2 * (image.max() - image.min()) * normal[index]
            expected[index] += gradient(plain, noisy[None], target)[0] / 4
    ours = smoothgrad(plain, images, target, samples=4, noise=0.2, seed=7)
    torch.testing.assert_close(ours, expected, **CLOSE)
    assert torch.equal(ours, smoothgrad(plain, images, target, samples=4, noise=0.2, seed=7))


def test_integrated_gradients_are_complete(plain: Plain, images: Tensor) -> None:
    target = class_score(1)
    ours = integrated_gradients(plain, images, target, baseline=0.2, steps=200).sum((1, 2, 3))
    difference = target(plain, images) - target(plain, torch.full_like(images, 0.2))
    torch.testing.assert_close(ours, difference.detach(), rtol=1e-2, atol=1e-4)


# Guided backprop: each way to write a ReLU, in a network of one convolution and weights ±1.
RELUS: dict[str, Callable[[Tensor], Tensor]] = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "function": F.relu,
    "function in place": lambda x: F.relu(x, inplace=True),
    "F.relu_": F.relu_,
    "torch": torch.relu,
    "torch in place": torch.relu_,
    "method": lambda x: x.relu(),
    "method in place": lambda x: x.relu_(),
    "clamp": lambda x: x.clamp(min=0),
    "clamp_min": lambda x: torch.clamp_min(x, 0),
    "clamp in place": lambda x: x.clamp_(0),
    "ReLU6": nn.ReLU6(),
    "ReLU6 in place": nn.ReLU6(inplace=True),
    "hardtanh": lambda x: F.hardtanh(x, 0.0, 6.0),
    "clip": lambda x: x.clip(min=0),
    "threshold": lambda x: F.threshold(x, 0, 0),
    "threshold in place": lambda x: F.threshold(x, 0, 0, inplace=True),
    "maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
    "maximum, the other way": lambda x: torch.maximum(torch.zeros(()), x),
    "max": lambda x: torch.max(x, torch.zeros_like(x)),
    "max method": lambda x: x.max(torch.zeros(4)),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "where, the other way": lambda x: torch.where(x < 0, torch.zeros_like(x), x),
    "where method": lambda x: x.where(x >= 0, torch.zeros(())),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0),
    "masked_fill in place": lambda x: x.clone().masked_fill_(x <= 0, 0.0),
    "product": lambda x: x * (x > 0),
    "product, the other way": lambda x: (x > 0) * x,
}


class Signs(nn.Module):
    def __init__(self, relu: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        # A 4×4 image, one value a pixel; the ReLU sees x − 0.5, the head's weights are ±1.
        seen = self.relu(x.mean(1) - 0.5)
        signs = torch.tensor([1.0, -1.0, 1.0, -1.0])
        return (seen * signs).sum((1, 2))[:, None]


@pytest.mark.parametrize("relu", RELUS)
def test_guided_by_hand(relu: str) -> None:
    image = torch.tensor(
        [[0.9, 0.9, 0.1, 0.1], [0.2, 0.8, 0.6, 0.4], [1.0, 0.0, 0.0, 1.0], [0.3, 0.7, 0.7, 0.3]]
    ).expand(1, 3, 4, 4)
    # Open where the pixel is above 0.5 (forwards) and the weight positive (backwards): the even
    # columns. The gradient alone would give −1/3 at each bright pixel of the odd ones.
    expected = torch.zeros(4, 4)
    expected[0, 0] = expected[1, 2] = expected[2, 0] = expected[3, 2] = 1 / 3
    ours = guided_backprop(Signs(RELUS[relu]), image, class_score(0))
    torch.testing.assert_close(ours, expected.expand(1, 3, 4, 4))
    plain = gradient(Signs(RELUS[relu]), image, class_score(0))
    assert plain.min() == pytest.approx(-1 / 3)


@pytest.mark.parametrize(
    "other",
    [
        lambda x: torch.max(x, 0)[0].expand(1, 4),
        lambda x: torch.maximum(x, torch.full_like(x, 0.1)),
        lambda x: torch.where(x > 0.2, x, 0.0),
        lambda x: x.masked_fill(x < -1, 0),
        lambda x: x * (x > -5).float(),
        lambda x: x.clamp(0, 1).clamp(min=-1),
    ],
)
def test_what_is_no_relu_is_left_alone(other: Callable[[Tensor], Tensor]) -> None:
    rule = ReplacedReLUs(lambda values, top: values * 0)
    values = torch.tensor([[0.5, -0.5, 0.3, 0.1]])
    with rule:
        found = other(values)
    assert rule.replaced == 0
    torch.testing.assert_close(found, other(values))


def test_guided_relu6_is_closed_above_six() -> None:
    image = torch.full((1, 3, 4, 4), 7.0)
    assert guided_backprop(Signs(nn.ReLU6()), image, class_score(0)).abs().max() == 0
    assert guided_backprop(Signs(nn.ReLU()), image, class_score(0)).max() > 0


def test_in_place_and_functional_relus_equal_modules(classifier: Classifier) -> None:
    """The small network against a twin whose ReLUs are modules, which Captum handles."""
    attr = pytest.importorskip("captum.attr")
    net = classifier.model

    class Twin(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net
            self.relus = nn.ModuleList(nn.ReLU() for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            x = (x - classifier.mean) / classifier.std
            x = self.relus[0](net.norm(net.first(x)))
            x = self.relus[2](self.relus[1](net.second(x)) - 0.01)
            return net.head(x.mean((2, 3)))

    x = torch.rand(2, 3, 24, 24)
    theirs = attr.GuidedBackprop(Twin().eval()).attribute(x.clone().requires_grad_(), target=3)
    ours = guided_backprop(classifier, x, class_score(3))
    torch.testing.assert_close(ours, theirs.detach(), **CLOSE)


@pytest.mark.parametrize(
    ("activation", "found"), [(nn.SiLU(), "SiLU"), (nn.GELU(), "GELU"), (nn.Identity(), "no acti")]
)
def test_guided_needs_a_relu(activation: nn.Module, found: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 3), activation, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(RequestError, match=f"guided backprop needs ReLUs.*found: {found}"):
        guided_backprop(model, torch.rand(1, 3, 5, 5), class_score(0))


@pytest.mark.parametrize("method", METHODS)
def test_maps_have_the_inputs_size_and_leave_the_model(
    method: str, classifier: Classifier, images: Tensor
) -> None:
    classifier.train()
    values = explain(method, classifier, images, class_score(2))
    assert values.shape == (2, 12, 14)
    assert values.isfinite().all()
    assert all(module.training for module in classifier.modules())
    assert all(p.requires_grad and p.grad is None for p in classifier.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in classifier.modules())
    raw = attribution(method, classifier, images, class_score(2))
    assert raw.shape == (values.shape if method in ("grad-cam", "occlusion") else images.shape)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (class_score(5), "no class 5; they are 0 to 4"),
        (layer_value("second", 8), "no channel 8; they are 0 to 7"),
        (layer_value("second", 1, (6, 0)), "no place 6,0; it has 6×7 places"),
        (layer_value("head", 1, (0, 0)), "no place 0,0; it has 0×0 places"),
        (layer_value("sekond", 1), "near it: second"),
    ],
)
def test_targets_that_do_not_exist(
    target: object, said: str, classifier: Classifier, images: Tensor
) -> None:
    with pytest.raises(RequestError, match=said):
        gradient(classifier, images, target)  # type: ignore[arg-type]


def test_grad_cam_refuses_layers_without_maps(plain: Plain, images: Tensor) -> None:
    assert last_map_layer(plain, images) == "features"
    with pytest.raises(RequestError, match="layer 'head' gives 4, no maps"):
        grad_cam(plain, images, class_score(0), layer="head")
    with pytest.raises(RequestError, match="comes after the target"):
        grad_cam(plain, images, layer_value("features.0", 1), layer="features.3")
    patches = nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 14, 4))
    with pytest.raises(RequestError, match="name a --layer"):
        grad_cam(patches, images, class_score(0))


def test_randomization(plain: Plain, images: Tensor) -> None:
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    assert layers_from_the_top(plain, images) == ["head", "features.3", "features.0"]

    def by_gradient(model: nn.Module, x: Tensor, target: object) -> Tensor:
        return explain("gradient", model, x, target)  # type: ignore[arg-type]

    def edges(model: nn.Module, x: Tensor, target: object) -> Tensor:
        return x.diff(dim=3).sum(1)

    first, second = (
        cascading_randomization(plain, images[:1], class_score(0), by_gradient, seed=3)
        for _ in range(2)
    )
    assert np.array_equal(first.maps, second.maps)
    assert first.layers == ("head", "features.3", "features.0")
    assert np.array_equal(first.maps[0], explain("gradient", plain, images[:1], class_score(0))[0])
    assert abs(first.correlations[-1]) < 0.5
    constant = cascading_randomization(plain, images[:1], class_score(0), edges)
    np.testing.assert_allclose(constant.correlations, 1)
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())


def test_rank_correlation_is_spearmans() -> None:
    from scipy.stats import spearmanr

    one, other = np.random.default_rng(0).normal(size=(2, 9, 9)).round(1)
    expected = spearmanr(np.abs(one).ravel(), np.abs(other).ravel()).statistic
    assert rank_correlation(one, other) == pytest.approx(expected)
    assert rank_correlation(one, np.zeros_like(one)) == 0


def test_grabcut_finds_a_planted_blob() -> None:
    pytest.importorskip("cv2")
    from interp.saliency.segmentation import segment

    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:96, :96]
    blob = (rows - 40) ** 2 / 30**2 + (columns - 55) ** 2 / 20**2 < 1
    colors = np.where(blob[..., None], (200, 60, 40), (60, 120, 90))
    photograph = np.clip(colors + random.normal(0, 12, (96, 96, 3)), 0, 255).astype(np.uint8)
    # The map knows only about where the blob is.
    saliency = np.exp(-((rows - 42) ** 2 + (columns - 52) ** 2) / 300) + random.random((96, 96)) / 5
    mask = segment(photograph, saliency)
    assert (mask & blob).sum() / (mask | blob).sum() > 0.97
    assert np.array_equal(mask, segment(photograph, saliency))
    # A map that sees the rim alone: what it encloses is not background.
    distance = np.hypot((rows - 40) / 30, (columns - 55) / 20)
    mask = segment(photograph, np.exp(-(((distance - 0.8) / 0.15) ** 2)))
    assert (mask & blob).sum() / (mask | blob).sum() > 0.97
    with pytest.raises(RequestError, match="flat"):
        segment(photograph, np.zeros((96, 96)))


def test_a_map_that_reaches_beyond_the_object_and_marks_another_thing() -> None:
    pytest.importorskip("cv2")
    from interp.saliency.segmentation import segment

    random = np.random.default_rng(0)
    down, across = np.mgrid[:96, :96]
    disc = np.hypot(down - 40, across - 40) < 20
    stone = np.hypot(down - 80, across - 84) < 5
    color = np.where((disc | stone)[..., None], (210, 120, 40), (30, 60, 110))
    photograph = (color + random.normal(0, 6, color.shape)).clip(0, 255).astype(np.uint8)
    # The middle of the map lies on the rim, so a third of its peak is background.
    saliency = np.exp(-((down - 40) ** 2 + (across - 54) ** 2) / (2 * 12**2))
    saliency += 0.4 * np.exp(-((down - 80) ** 2 + (across - 84) ** 2) / (2 * 4**2))
    mask = segment(photograph, saliency)
    assert (mask & disc).sum() / (mask | disc).sum() > 0.97

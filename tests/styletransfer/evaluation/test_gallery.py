"""What the losses do not see, held for every style of the shipped gallery."""

import statistics

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from styletransfer.evaluation.judge import Judge
from styletransfer.evaluation.measures import flat_areas, frame, grid, tone_correlation
from styletransfer.evaluation.photographs import find_paintings, find_photographs, read_photograph
from styletransfer.evaluation.report import paint
from styletransfer.inference import Stylizer
from styletransfer.inference.blend import parse_blend
from tests.assets import asset, shipped
from tests.styletransfer.evaluation.photographs import NAMES, photograph

# Half as much again: what strokes without a grid reach by chance in so few flat areas.
CHANCE = 1.5

Pairs = dict[str, list[tuple[Tensor, Tensor]]]


@pytest.fixture(scope="module")
def gallery() -> Pairs:
    """Each style's photographs, with what it makes of them."""
    stylizer = Stylizer(shipped("gallery.onnx"), threads=1)
    photographs = [photograph(name) for name in NAMES]
    return {
        style: [(photo, paint(stylizer, photo, style)) for photo in photographs]
        for style in stylizer.styles[1:]
    }


def failing(values: dict[str, float], limit: float) -> dict[str, float]:
    """Those that are above; NaN counts."""
    return {name: value for name, value in values.items() if not value <= limit}


def test_a_bright_sky_stays_bright(gallery: Pairs) -> None:
    correlations = {
        style: statistics.mean(tone_correlation(output, photo) for photo, output in pairs)
        for style, pairs in gallery.items()
    }
    assert failing({style: -value for style, value in correlations.items()}, -0.5) == {}


def test_no_frame(gallery: Pairs) -> None:
    """The border differs from what is next to it as in the photograph, to 10 %.

    A network's frame is the same in all pictures. What a photograph shows at its border is not,
    and the strokes follow it, so the mean is over ten photographs.
    """
    stylizer = Stylizer(shipped("gallery.onnx"), threads=1)
    more = [read_photograph(path) for path in find_photographs(asset("images/content"))]
    excess = {}
    for style, pairs in gallery.items():
        every = [*pairs, *((photo, paint(stylizer, photo, style)) for photo in more)]
        apart = torch.tensor([frame(output) for _, output in every])
        apart -= torch.tensor([frame(photo) for photo, _ in every])
        excess[style] = apart.mean(0)
    assert failing({style: e.abs().max().item() for style, e in excess.items()}, 0.1) == {}
    assert torch.stack(list(excess.values())).mean(0).abs().max() <= 0.1


@pytest.mark.parametrize("figure", ["period 2", "period 4"])
def test_no_grid(gallery: Pairs, figure: str) -> None:
    ratios = {}
    for style, pairs in gallery.items():
        measured = [grid(output, flat_areas(photo)) for photo, output in pairs]
        index = ("period 2", "period 4").index(figure)
        ratios[style] = statistics.mean(one[index] for one in measured if one is not None)
    assert failing(ratios, CHANCE) == {}
    assert statistics.mean(ratios.values()) <= CHANCE


def test_strength_is_a_dial() -> None:
    """From 0 to 1 the style loss falls and the content loss rises, for every style."""
    stylizer = Stylizer(shipped("gallery.onnx"), threads=1)
    names = list(stylizer.styles[1:])
    paintings = find_paintings(asset("images/styles"), names)
    judge = Judge(paintings, asset("weights/vgg19_relu3_4.safetensors"))
    photos = [F.interpolate(photograph(name), scale_factor=1 / 3, mode="area") for name in NAMES]
    contents = [judge.content_target(photo) for photo in photos]

    def at(name: str, strength: float) -> tuple[float, float]:
        row = parse_blend(name, stylizer.styles, strength)[None]
        outputs = [torch.from_numpy(stylizer.stylize_tensor(p.numpy(), row)) for p in photos]
        if strength == 0:
            for output, photo in zip(outputs, photos, strict=True):
                assert 10 * (output - photo).square().mean().log10() <= -30
        with torch.no_grad():
            losses = [
                judge.losses(output, photo, name, content)
                for output, photo, content in zip(outputs, photos, contents, strict=True)
            ]
        style, content = (
            statistics.mean(one[loss].item() for one in losses) for loss in ("style", "content")
        )
        return -style, content

    unsteady = []
    for name in names:
        falling, rising = zip(*(at(name, i / 4) for i in range(5)), strict=True)
        if sorted(falling) != list(falling) or sorted(rising) != list(rising):
            unsteady.append((name, falling, rising))
    assert unsteady == []

"""Style transfer against crops, the judge of the feed-forward networks, and properties."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.testing import assert_close

from interp.network import memory
from interp.synthesis.pyramid import noise
from interp.synthesis.style_transfer import (
    Style,
    guided_gram,
    transfer_objective,
    transfer_style,
)
from styletransfer.errors import RequestError
from styletransfer.evaluation import judge
from styletransfer.losses import LossNetwork, Objective, gram_matrix
from tests.assets import asset

AIM = Objective(
    style_weight=50.0, style_taps=("relu1", "fire2", "fire3"), content_tap="fire3", scales=(1,)
)


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    return LossNetwork("squeezenet1_1", AIM.taps, "random")


@pytest.fixture
def photograph() -> Tensor:
    """A disc on a slope of gray, 40×56 pixels."""
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(56.0), indexing="ij")
    disc = ((y - 20) ** 2 + (x - 25) ** 2 < 150).float()
    return torch.stack([0.2 + 0.6 * disc, x / 80, 0.5 - 0.3 * disc])[None]


@pytest.fixture
def paintings() -> list[Tensor]:
    """Stripes across, and checks of other colors."""
    y, x = torch.meshgrid(torch.arange(36.0), torch.arange(44.0), indexing="ij")
    stripes, checks = (y // 3 % 2), ((y // 4 + x // 4) % 2)
    return [
        torch.stack([stripes, 0.5 * stripes, 0.2 + 0 * stripes])[None],
        torch.stack([0.1 + 0 * checks, checks, 1 - checks])[None],
    ]


def losses(network: LossNetwork, photograph: Tensor, styles: list[Style], image: Tensor) -> Tensor:
    terms = transfer_objective(network, photograph, styles, AIM)(image)
    return torch.stack([terms["style"], terms["content"]])


def test_objective_is_what_the_judge_finds(
    photograph: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, path = asset("weights/vgg19_relu3_4.safetensors"), tmp_path / "painting.png"
    monkeypatch.setattr(judge, "OBJECTIVE", Objective(painting_size=24))
    painting = (255 * noise(24, 30, 5)).round() / 255
    Image.fromarray((255 * painting[0].permute(1, 2, 0)).round().byte().numpy()).save(path)
    output = (photograph + 0.2 * noise(40, 56, 1)).clamp(0, 1)
    judged = judge.Judge({"painting": path}, weights).losses(output, photograph, "painting")
    network = LossNetwork("vgg19", Objective().taps, weights)
    terms = transfer_objective(network, photograph, [Style(painting)])(output)
    assert_close(terms["style"], 20 * judged["style"])
    assert_close(terms["content"], judged["content"])
    assert_close(terms["style"] + terms["content"], judged["total"])


def test_a_mask_of_ones_changes_nothing_at_any_scale(
    network: LossNetwork, photograph: Tensor, paintings: list[Tensor]
) -> None:
    aim, image = replace(AIM, scales=(1, 2, 4)), photograph.flip(3)
    everywhere, unmasked = (
        transfer_objective(network, photograph, [Style(paintings[0], mask=mask)], aim)(image)
        for mask in (torch.ones(1, 1, 40, 56), None)
    )
    assert_close(everywhere, unmasked)


@pytest.mark.parametrize("box", [(0, 6, 0, 9), (2, 5, 1, 8), (3, 4, 3, 4)])
def test_guided_gram_is_that_of_the_crop(box: tuple[int, int, int, int]) -> None:
    features = torch.randn(1, 5, 6, 9, generator=torch.Generator().manual_seed(0))
    top, bottom, left, right = box
    mask = torch.zeros(1, 1, 24, 36)
    mask[..., 4 * top : 4 * bottom, 4 * left : 4 * right] = 1
    expected = gram_matrix(features[:, :, top:bottom, left:right])
    assert_close(guided_gram(features, mask), expected)
    # Soft masks too count by their share, whatever their greatest value.
    assert_close(guided_gram(features, 0.25 * mask), expected)


def test_content_alone_is_rebuilt(network: LossNetwork, photograph: Tensor) -> None:
    settings = replace(AIM, style_weight=0.0)
    made = transfer_style(network, photograph, [], settings, start="noise", steps=25)
    assert set(made.history[0]) == {"content", "range"}
    assert made.history[-1]["content"] < made.history[0]["content"] / 10
    start = noise(40, 56, 0)
    assert (made.picture - photograph).norm() < (start - photograph).norm()


@pytest.mark.parametrize("levels", [1, 2])
def test_style_alone_is_rebuilt(
    network: LossNetwork, photograph: Tensor, paintings: list[Tensor], levels: int
) -> None:
    settings = replace(AIM, content_weight=0.0)
    styles = [Style(paintings[0])]
    made = transfer_style(
        network, photograph, styles, settings, start="noise", steps=25, levels=levels
    )
    assert set(made.history[0]) == {"style", "range"}
    before, after = (
        losses(network, photograph, styles, image)[0] for image in (noise(40, 56, 0), made.picture)
    )
    assert after < before / 10


@pytest.mark.parametrize("start", ["photograph", "style", "noise"])
def test_result_lies_between(
    network: LossNetwork, photograph: Tensor, paintings: list[Tensor], start: str
) -> None:
    styles = [Style(paintings[1])]
    made = transfer_style(network, photograph, styles, AIM, start=start, steps=30).picture
    painting = torch.nn.functional.interpolate(paintings[1], (40, 56))
    style, content = losses(network, photograph, styles, made)
    assert 0 < style < losses(network, photograph, styles, photograph)[0] / 5
    assert 0 < content < losses(network, photograph, styles, painting)[1]
    assert (made - made.clamp(0, 1)).abs().mean() < 0.01


def test_weights_of_styles(
    network: LossNetwork, photograph: Tensor, paintings: list[Tensor]
) -> None:
    one, other = paintings
    alone = losses(network, photograph, [Style(one)], photograph)
    assert_close(
        losses(network, photograph, [Style(one, 1.0), Style(other, 0.0)], photograph), alone
    )
    assert_close(losses(network, photograph, [Style(one, 0.3), Style(one, 0.7)], photograph), alone)
    mixed = losses(network, photograph, [Style(one, 0.3), Style(other, 0.7)], photograph)
    both = losses(network, photograph, [Style(other)], photograph)
    assert_close(mixed, 0.3 * alone + 0.7 * both)


def test_a_mask_says_where(
    network: LossNetwork, photograph: Tensor, paintings: list[Tensor]
) -> None:
    everywhere = torch.ones(1, 1, 40, 56)
    assert_close(
        losses(network, photograph, [Style(paintings[0], mask=everywhere)], photograph),
        losses(network, photograph, [Style(paintings[0])], photograph),
    )
    left = everywhere.clone()
    left[..., 20:] = 0
    styles = [Style(paintings[0], mask=left)]
    settings = replace(AIM, content_weight=0.0)
    made = transfer_style(network, photograph, styles, settings, steps=5).picture
    changed = (made - photograph).abs().amax((0, 1, 2))
    # Beyond the mask, what its features see changes; beyond that, nothing.
    assert changed[:20].min() > 0
    assert changed[40:].max() == 0


def test_the_seed_decides(
    network: LossNetwork, photograph: Tensor, paintings: list[Tensor]
) -> None:
    first, again, other = (
        transfer_style(
            *(network, photograph, [Style(paintings[0])], AIM),
            start="noise",
            steps=2,
            seed=seed,
        ).picture
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def mask_of(*sides: int) -> Tensor:
    return torch.ones(1, 1, *sides)


@pytest.mark.parametrize(
    ("styles", "settings", "options", "said"),
    [
        ([], {}, {}, "there is no style; give one"),
        ([], {"style_weight": 0.0}, {}, "has its own content already"),
        ([1], {"style_weight": 0.0, "content_weight": 0.0}, {}, "both weigh 0"),
        ([1], {}, {"levels": 3}, "the photograph, 56×40 pixels, is too small for 3 levels"),
        ([noise(8, 60, 0)], {}, {}, "style 1 has 60×8 pixels; give one of at least 16×16"),
        ([mask_of(40, 50)], {}, {}, "mask 1 has 50×40 pixels and the photograph 56×40"),
        ([1, 0 * mask_of(40, 56)], {}, {}, "mask 2 is black"),
    ],
)
def test_refusals(
    network: LossNetwork,
    photograph: Tensor,
    paintings: list[Tensor],
    styles: list[Tensor | int],
    settings: dict[str, float],
    options: dict[str, int],
    said: str,
) -> None:
    given = []
    for style in styles:
        if isinstance(style, int):
            given.append(Style(paintings[0]))
        elif style.shape[1] == 3:
            given.append(Style(style))
        else:
            given.append(Style(paintings[0], mask=style))
    with pytest.raises(RequestError, match=said):
        transfer_style(network, photograph, given, replace(AIM, **settings), **options)


@pytest.mark.parametrize("masked", [False, True])
def test_too_large(
    network: LossNetwork,
    paintings: list[Tensor],
    monkeypatch: pytest.MonkeyPatch,
    masked: bool,
) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000_000)
    mask = mask_of(200, 220) if masked else None
    with pytest.raises(RequestError, match=r"220×200 pixels needs .* that fits is "):
        transfer_style(network, noise(200, 220, 0), [Style(paintings[0], mask=mask)], AIM)

"""The paintings' names, their Gram matrices, and whose turn it is."""

from collections import Counter
from pathlib import Path

import pytest
import torch

from styletransfer.errors import TrainingDataError
from styletransfer.images import read_image, to_tensor
from styletransfer.losses import LossNetwork
from styletransfer.training.styles import StyleDeck, find_styles, style_grams
from tests.styletransfer.training.tiny import make_data, save_noise


def test_names_are_the_stems_in_order(tmp_path: Path) -> None:
    folder = make_data(tmp_path, styles=3)["styles"]
    assert list(find_styles(folder)) == ["painting0", "painting1", "painting2"]
    chosen = [folder / "painting2.png", folder / "painting0.png"]
    assert list(find_styles(chosen)) == ["painting2", "painting0"]


def test_style_folders_that_do_not_do(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="no such folder"):
        find_styles(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingDataError, match="no style images"):
        find_styles(tmp_path / "empty")
    twins = [save_noise(tmp_path / d / "twin.png", 8, 8, 0) for d in "ab"]
    with pytest.raises(TrainingDataError, match="one name"):
        find_styles(twins)
    with pytest.raises(TrainingDataError, match="identity"):
        find_styles([save_noise(tmp_path / "identity.png", 8, 8, 0)])


def test_grams_are_those_of_the_scaled_image(tmp_path: Path) -> None:
    path = save_noise(tmp_path / "s.png", 60, 48, 0)
    net = LossNetwork("vgg16", ["relu1_1", "relu2_1"], "random")
    grams = style_grams([path, path], 24, net, ["relu2_1"])
    image = torch.from_numpy(to_tensor(read_image(path, size=24).rgb))
    features = net(image)["relu2_1"].squeeze(0).flatten(1)
    expected = features @ features.T / features.shape[1]
    assert list(grams) == ["relu2_1"]
    torch.testing.assert_close(grams["relu2_1"], expected.expand(2, -1, -1))


def test_each_painting_comes_equally_often_and_seeded() -> None:
    deck = StyleDeck(5, 0.0, seed=3)
    dealt = deck.deal(0, 400)
    assert Counter(dealt) == {1: 100, 2: 100, 3: 100, 4: 100}
    assert dealt[120:140] == deck.deal(120, 20)
    assert dealt != StyleDeck(5, 0.0, seed=4).deal(0, 400)


def test_the_identity_gets_its_share() -> None:
    dealt = StyleDeck(3, 0.25, seed=0).deal(0, 4000)
    assert 0.22 < dealt.count(0) / 4000 < 0.28
    assert StyleDeck(1, 0.0, seed=0).deal(0, 5) == [0] * 5

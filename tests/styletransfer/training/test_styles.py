"""The paintings' names, their sizes, and whose turn it is."""

from collections import Counter
from pathlib import Path

import pytest
import torch

from styletransfer.errors import TrainingDataError
from styletransfer.images import read_image, to_tensor
from styletransfer.training.styles import StyleDeck, find_styles, read_paintings
from tests.styletransfer.training.tiny import make_data, save_noise


def test_names_are_the_stems_in_order(tmp_path: Path) -> None:
    folder = make_data(tmp_path, paintings=3)["paintings"]
    assert list(find_styles(folder)) == ["painting0", "painting1", "painting2"]
    chosen = [folder / "painting2.png", folder / "painting0.png"]
    assert list(find_styles(chosen)) == ["painting2", "painting0"]


def test_style_folders_that_do_not_do(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="no such folder"):
        find_styles(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingDataError, match="no image in it"):
        find_styles(tmp_path / "empty")
    twins = [save_noise(tmp_path / d / "twin.png", 8, 8, 0) for d in "ab"]
    with pytest.raises(TrainingDataError, match="one name"):
        find_styles(twins)
    with pytest.raises(TrainingDataError, match="identity"):
        find_styles([save_noise(tmp_path / "identity.png", 8, 8, 0)])


def test_paintings_are_read_at_one_short_side(tmp_path: Path) -> None:
    paths = [save_noise(tmp_path / "s.png", 60, 48, 0), save_noise(tmp_path / "t.png", 20, 40, 1)]
    wide, high = read_paintings(paths, 24)
    assert (wide.shape, high.shape) == ((1, 3, 24, 30), (1, 3, 48, 24))
    assert torch.equal(wide, torch.from_numpy(to_tensor(read_image(paths[0], short_side=24).rgb)))


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

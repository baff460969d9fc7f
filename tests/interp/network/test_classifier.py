"""Classifiers: pixels as the weights want them, class names, weights from files."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from interp.network.classifier import Classifier, load_classifier
from styletransfer.errors import RequestError, WeightsError
from styletransfer.images import Picture
from tests.assets import asset

PRESETS = {
    "squeezenet1_0": torchvision.models.SqueezeNet1_0_Weights.DEFAULT,
    "mobilenet_v2": torchvision.models.MobileNet_V2_Weights.DEFAULT,
    "efficientnet_b0": torchvision.models.EfficientNet_B0_Weights.DEFAULT,
    "inception_v3": torchvision.models.Inception_V3_Weights.DEFAULT,
}


def noise(height: int, width: int) -> Picture:
    return Picture(
        np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8), None, ()
    )


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("size", [(300, 500), (401, 257), (1, 1), (3, 20)])
def test_pixels_are_those_of_torchvisions_transforms(name: str, size: tuple[int, int]) -> None:
    picture = noise(*size)
    classifier = load_classifier(name, "random")
    pixels = classifier.preprocess(picture)
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    expected = PRESETS[name].transforms()(Image.fromarray(picture.rgb))
    torch.testing.assert_close((pixels - classifier.mean) / classifier.std, expected[None])


def test_a_strip_is_cut_before_it_fills_the_memory(classifier: Classifier) -> None:
    picture = noise(2, 100_000)
    middle = Picture(picture.rgb[:, 49_992:50_008], None, ())
    torch.testing.assert_close(classifier.preprocess(picture), classifier.preprocess(middle))


def test_transparent_parts_are_white(classifier: Classifier) -> None:
    black = np.zeros((30, 30, 3), np.uint8)
    assert classifier.preprocess(Picture(black, black[..., 0], ())).min() == 1


def test_scores_are_the_models_of_normalized_pixels(classifier: Classifier) -> None:
    pixels = torch.rand(2, 3, 24, 24)
    expected = classifier.model(pixels - torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1))
    torch.testing.assert_close(classifier(pixels), expected)


@pytest.mark.parametrize(
    ("text", "index"),
    [("tiger cat", 1), ("TIGER", 0), ("pembroke", 3), ("tab", 2), ("4", 4), (0, 0), (" cat ", 1)],
)
def test_a_class_by_a_part_of_its_name(classifier: Classifier, text: str, index: int) -> None:
    assert classifier.find_class(text) == index


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("corgi", "Pembroke Welsh Corgi, Cardigan Welsh Corgi"),
        ("tigre", "tiger"),
        ("5", "0 to 4"),
        (-1, "0 to 4"),
        ("", "near it"),
    ],
)
def test_a_class_that_is_not_clear(classifier: Classifier, text: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        classifier.find_class(text)


def test_a_class_of_a_model_without_names() -> None:
    nameless = Classifier(nn.Flatten())
    assert nameless.find_class("7") == 7
    with pytest.raises(RequestError, match="give an index"):
        nameless.find_class("cat")


def test_random_weights_repeat_and_leave_the_generator_alone() -> None:
    before = torch.get_rng_state()
    first, second, other = (load_classifier("squeezenet1_1", "random", seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    one, two, three = (model.state_dict() for model in (first, second, other))
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not all(torch.equal(one[key], three[key]) for key in one)
    assert not first.training
    assert not first.model.training


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_from_a_file(tmp_path: Path, suffix: str) -> None:
    original = load_classifier("squeezenet1_1", "random", seed=3)
    path = tmp_path / f"w{suffix}"
    write = save_file if suffix == ".safetensors" else torch.save
    write(original.model.state_dict(), path)
    loaded = load_classifier("squeezenet1_1", path)
    images = torch.rand(1, 3, 64, 64)
    assert torch.equal(loaded(images), original(images))


def test_side_heads_and_old_names_in_a_file(tmp_path: Path) -> None:
    whole = torchvision.models.googlenet(init_weights=False).state_dict()
    assert any(key.startswith("aux") for key in whole)
    torch.save(whole, tmp_path / "g.pth")
    load_classifier("googlenet", tmp_path / "g.pth")
    dense = load_classifier("densenet121", "random", seed=1).model.state_dict()
    old = {
        key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): dense[key] for key in dense
    }
    assert old.keys() != dense.keys()
    torch.save(old, tmp_path / "d.pth")
    loaded = load_classifier("densenet121", tmp_path / "d.pth").model.state_dict()
    assert all(torch.equal(loaded[key], dense[key]) for key in dense)


def test_weights_of_another_architecture_name_the_keys(tmp_path: Path) -> None:
    torch.save(load_classifier("squeezenet1_1", "random").model.state_dict(), tmp_path / "w.pth")
    with pytest.raises(
        WeightsError,
        match=r"it lacks conv1.weight \(and 101 more\), and the model has no features.0.weight",
    ):
        load_classifier("resnet18", tmp_path / "w.pth")
    with pytest.raises(
        WeightsError,
        match=r"features.0.weight has the shape \[64, 3, 3, 3\] instead of \[96, 3, 7, 7\]",
    ):
        load_classifier("squeezenet1_0", tmp_path / "w.pth")


def test_files_that_hold_no_weights(tmp_path: Path) -> None:
    damaged, other = tmp_path / "w.safetensors", tmp_path / "w.pth"
    damaged.write_bytes(b"nothing of the kind")
    torch.save([1, 2], other)
    for path, said in ((damaged, "cannot be read"), (other, "state dict")):
        with pytest.raises(WeightsError, match=said):
            load_classifier("squeezenet1_0", path)
    with pytest.raises(WeightsError, match="no such file"):
        load_classifier("squeezenet1_0", tmp_path / "none.pth")


def test_an_unknown_model() -> None:
    with pytest.raises(RequestError, match="near it: resnet"):
        load_classifier("resnet19", "random")


def test_real_weights_know_a_goldfish() -> None:
    from interp.network.photographs import read_pixels

    weights = asset("weights/squeezenet1_0.safetensors")
    photograph = asset("images/imagenet-1000/n01443537_goldfish.jpg")
    classifier = load_classifier("squeezenet1_0", weights)
    with torch.no_grad():
        best = int(classifier(read_pixels(classifier, photograph)).argmax())
    assert classifier.names[best] == "goldfish"

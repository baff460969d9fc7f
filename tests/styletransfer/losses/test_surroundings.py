"""What the loss network sees beyond a picture's border."""

import torch
import torch.nn.functional as F

from styletransfer.losses import LossNetwork, surrounded


def test_it_is_the_mirror_image() -> None:
    image = torch.rand(2, 3, 20, 31)
    assert surrounded(image).equal(F.pad(image, [8] * 4, "reflect"))


def test_a_picture_smaller_than_the_margin_has_surroundings_too() -> None:
    assert surrounded(torch.rand(1, 3, 1, 5)).shape == (1, 3, 17, 21)


def test_a_flat_picture_looks_flat_up_to_its_border() -> None:
    flat = torch.full((1, 3, 16, 16), 0.9)
    net = LossNetwork("vgg19", ["relu2_1"], "random")
    # What the margin covers, at half the size of the image.
    seen = net(surrounded(flat))["relu2_1"][:, :, 4:-4, 4:-4]
    assert seen.amax((2, 3)).allclose(seen.amin((2, 3)), atol=1e-5)
    walled = net(flat)["relu2_1"]
    assert not walled.amax((2, 3)).allclose(walled.amin((2, 3)), atol=1e-3)

"""The reference network against a fresh writing of the published one."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.testing import assert_close

from styletransfer.networks import Johnson, build_network
from tests.styletransfer.networks.variants import randomize, randomized


class PublishedConv(nn.Module):
    """Reflection padding by half the kernel, then a convolution."""

    def __init__(self, cin: int, cout: int, kernel: int, stride: int = 1, grow: int = 1) -> None:
        super().__init__()
        self.grow = grow
        self.pad = nn.ReflectionPad2d(kernel // 2)
        self.conv2d = nn.Conv2d(cin, cout, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        if self.grow > 1:
            x = F.interpolate(x, scale_factor=self.grow, mode="nearest")
        return self.conv2d(self.pad(x))


class PublishedBlock(nn.Module):
    def __init__(self, tracked: bool) -> None:
        super().__init__()
        self.conv1 = PublishedConv(128, 128, 3)
        self.in1 = nn.InstanceNorm2d(128, affine=True, track_running_stats=tracked)
        self.conv2 = PublishedConv(128, 128, 3)
        self.in2 = nn.InstanceNorm2d(128, affine=True, track_running_stats=tracked)

    def forward(self, x: Tensor) -> Tensor:
        return self.in2(self.conv2(F.relu(self.in1(self.conv1(x))))) + x


class Published(nn.Module):
    """The transformer network of pytorch/examples, from its description: 0..255 in and out.

    Stride-1 9×9 to 32 channels, two strided 3×3 to 64 and 128, five residual blocks, two
    nearest-neighbor resize-convolutions to 64 and 32, a 9×9 to 3; an affine instance norm and
    a ReLU after each but the last. `tracked` adds the running statistics of its oldest files.
    """

    def __init__(self, tracked: bool = False) -> None:
        super().__init__()
        layers = [
            ("conv1", PublishedConv(3, 32, 9)),
            ("in1", nn.InstanceNorm2d(32, affine=True, track_running_stats=tracked)),
            ("conv2", PublishedConv(32, 64, 3, stride=2)),
            ("in2", nn.InstanceNorm2d(64, affine=True, track_running_stats=tracked)),
            ("conv3", PublishedConv(64, 128, 3, stride=2)),
            ("in3", nn.InstanceNorm2d(128, affine=True, track_running_stats=tracked)),
            *((f"res{i}", PublishedBlock(tracked)) for i in range(1, 6)),
            ("deconv1", PublishedConv(128, 64, 3, grow=2)),
            ("in4", nn.InstanceNorm2d(64, affine=True, track_running_stats=tracked)),
            ("deconv2", PublishedConv(64, 32, 3, grow=2)),
            ("in5", nn.InstanceNorm2d(32, affine=True, track_running_stats=tracked)),
            ("deconv3", PublishedConv(32, 3, 9)),
        ]
        for name, layer in layers:
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        for name, layer in self.named_children():
            x = layer(x)
            if name.startswith("in"):
                x = F.relu(x)
        return x


@pytest.mark.parametrize("height, width", [(48, 64), (8, 8), (12, 36)])
def test_computes_what_the_published_network_does(height: int, width: int) -> None:
    theirs = randomize(Published(), seed=1)
    ours = build_network("johnson", styles=1)
    ours.load_state_dict(theirs.state_dict())
    image = torch.rand(2, 3, height, width)
    with torch.no_grad():
        expected = theirs(255 * image).clamp(0, 255) / 255
        actual = ours(image, torch.ones(2, 1))
    assert expected.std() > 0.002  # there is something to compare
    assert_close(actual, expected, atol=1e-5, rtol=0)


def test_output_is_clamped() -> None:
    network = randomized("johnson")
    with torch.no_grad():
        network.deconv3.conv2d.weight *= 100
        out = network(torch.rand(1, 3, 16, 16), torch.eye(3)[:1])
    assert (out.amin(), out.amax()) == (0, 1)


def test_loads_an_old_file_with_running_statistics() -> None:
    state = randomize(Published(tracked=True), seed=2).state_dict()
    assert "res5.in2.running_var" in state
    network = build_network("johnson", styles=1)
    network.load_state_dict(state)
    assert_close(network.res5.in2.weight[0], state["res5.in2.weight"])


def test_number_of_parameters() -> None:
    def count(styles: int) -> int:
        return sum(p.numel() for p in Johnson(styles).parameters())

    # 6.6 MB; γ and β of 1,600 channels for each further style.
    assert count(1) == 1_679_235
    assert count(5) == count(1) + 4 * 3_200


@pytest.mark.parametrize(
    "height, width",
    [(1, 1), (1, 7), (2, 3), (4, 5), (7, 8), (9, 1), (13, 31), (31, 33), (64, 50)],
)
def test_output_has_the_size_of_the_input(height: int, width: int) -> None:
    image = torch.rand(1, 3, height, width)
    with torch.no_grad():
        out = randomized("johnson")(image, torch.eye(3)[1:2])
    assert out.shape == image.shape
    assert out.isfinite().all()


def test_any_size_is_as_its_reflection_to_a_multiple_of_four() -> None:
    network = randomized("johnson")
    image, row = torch.rand(1, 3, 21, 30), torch.eye(3)[2:]
    padded = F.pad(image, (0, 2, 0, 3), mode="reflect")
    with torch.no_grad():
        assert_close(network(image, row), network(padded, row)[:, :, :21, :30])


def test_each_sample_has_its_own_style() -> None:
    network = randomized("johnson")
    image, rows = torch.rand(3, 3, 16, 16), torch.tensor([[1, 0, 0], [0, 0, 1], [0.5, 0.5, 0]])
    with torch.no_grad():
        together = network(image, rows)
        for i in range(3):
            alone = network(image[i : i + 1], rows[i : i + 1])
            assert_close(together[i : i + 1], alone, atol=1e-5, rtol=0)
        other = network(image, rows.roll(1, 0))
    assert (together - other).abs().amax((1, 2, 3)).min() > 1e-3

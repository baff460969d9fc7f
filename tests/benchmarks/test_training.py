"""The operations of a training step are those of its convolutions, forward and backward."""

import torch
import torch.nn.functional as F

from benchmarks.training import BATCH, operations


def test_operations_of_a_convolution_and_of_its_gradient() -> None:
    images = torch.rand(BATCH, 3, 16, 16)
    weight = torch.rand(8, 3, 3, 3)
    forward = operations(lambda: F.conv2d(images, weight, padding=1), 16)
    assert forward == 2 * 3 * 3 * 3 * 8 / 1e3

    def step() -> None:
        F.conv2d(images.clone().requires_grad_(), weight, padding=1).sum().backward()

    assert operations(step, 16) == 2 * forward

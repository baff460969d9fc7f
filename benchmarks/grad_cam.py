"""Is Grad-CAM that of pytorch-grad-cam, on the families of networks that are hard for it?

The weights are random: equality needs no others. Maps are compared as pytorch-grad-cam scales
them, from 0 to 1. DenseNet comes twice. Its forward pass ends in a ReLU in place behind the default
layer. On the CPU, pytorch-grad-cam's activations share memory with what that ReLU changes, and its
gradients are those before it. The second time, no ReLU works in place.

It needs `pip install grad-cam`. Run: python benchmarks/grad_cam.py
"""

from unittest.mock import patch

import numpy as np
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor

from interp.network.classifier import load_classifier
from interp.network.taps import find_layer
from interp.saliency.cam import grad_cam, last_map_layer
from interp.saliency.targets import class_score

MODELS = ("swin_t", "vit_b_16", "convnext_tiny", "densenet121")


def placed(tokens: Tensor) -> Tensor:
    """Tokens N×(1+T)×C as maps N×C×h×w, without the class token; maps as they are."""
    if tokens.ndim == 4:
        return tokens
    side = round((tokens.shape[1] - 1) ** 0.5)
    return tokens[:, 1:].transpose(1, 2).reshape(len(tokens), -1, side, side)


def compare(name: str, note: str = "") -> None:
    """Print a row of the table, with `note` behind the model's name."""
    torch.manual_seed(0)
    classifier = load_classifier(name, "random")
    for weights in classifier.parameters():
        if not weights.any():  # the last layer of a vision transformer, and biases
            torch.nn.init.normal_(weights, std=0.02)
    images = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    layer = last_map_layer(classifier, images)
    # Of a random network, the maps of some classes are empty.
    maps = (
        grad_cam(classifier, images, class_score(index), layer=layer)[0].numpy()
        for index in range(9)
    )
    index, ours = next((index, found) for index, found in enumerate(maps) if found.any())
    with GradCAM(classifier, [find_layer(classifier, layer)], reshape_transform=placed) as cam:
        theirs = cam(images, [ClassifierOutputTarget(index)])[0]
    ours = (ours - ours.min()) / np.ptp(ours)
    print(f"| {name}{note} | {layer} | {np.abs(ours - theirs).max():.1e} |", flush=True)


if __name__ == "__main__":
    print("| model | layer | largest difference of the maps, of 0..1 |\n| --- | --- | --- |")
    for model in MODELS:
        compare(model)
    with patch("torch.nn.functional.relu", lambda values, inplace=False: values.relu()):
        compare("densenet121", ", no ReLU in place")

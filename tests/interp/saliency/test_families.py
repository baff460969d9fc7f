"""Torchvision's families against Captum, where Captum is right."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from interp.network.classifier import load_classifier
from interp.network.taps import find_layer
from interp.saliency.cam import grad_cam, last_map_layer
from interp.saliency.gradients import gradient
from interp.saliency.guided import guided_backprop
from interp.saliency.targets import class_score

# The layer that Grad-CAM takes, and whether Captum finds every ReLU: it passes over functional
# ones (GoogLeNet, Inception, DenseNet) and ReLU6.
FAMILIES = {
    "alexnet": ("features.11", True),
    "squeezenet1_0": ("classifier.2", True),
    "resnet18": ("layer4", True),
    "googlenet": ("inception5b", False),
    "inception_v3": ("Mixed_7c", False),
    "densenet121": ("features", False),
    "mobilenet_v2": ("features", False),
    "mobilenet_v3_small": ("features", True),
    "efficientnet_b0": ("features", False),
    "shufflenet_v2_x0_5": ("conv5", True),
    "mnasnet0_5": ("layers", True),
}


def assert_relatively_close(ours: Tensor, theirs: Tensor) -> None:
    largest = float(theirs.abs().max())
    assert largest > 0
    assert float((ours - theirs).abs().max()) <= 1e-5 * largest


@pytest.mark.filterwarnings("ignore:Setting backward hooks")
@pytest.mark.parametrize("name", FAMILIES)
def test_maps_equal_captums(name: str) -> None:
    attr = pytest.importorskip("captum.attr")
    layer, relus_are_modules = FAMILIES[name]
    classifier = load_classifier(name, "random")
    side = 128 if name == "inception_v3" else 96
    images = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    # Of a random network, the maps of some classes are empty.
    index = next(k for k in range(9) if grad_cam(classifier, images, class_score(k)).any())
    x, target = images.clone().requires_grad_(), class_score(index)

    theirs = attr.Saliency(classifier).attribute(x, index, abs=False).detach()
    assert_relatively_close(gradient(classifier, images, target), theirs)

    assert last_map_layer(classifier, images) == layer
    cam = attr.LayerGradCam(classifier, find_layer(classifier, layer))
    small = cam.attribute(x, index, relu_attributions=True).detach()
    large = F.interpolate(small, (side, side), mode="bilinear", align_corners=False)[:, 0]
    assert_relatively_close(grad_cam(classifier, images, target), large)

    if relus_are_modules:
        theirs = attr.GuidedBackprop(classifier).attribute(x, index).detach()
        assert_relatively_close(guided_backprop(classifier, images, target), theirs)


def test_grad_cam_finds_the_last_maps_of_a_swin_transformer() -> None:
    classifier = load_classifier("swin_t", "random")
    assert last_map_layer(classifier, torch.rand(1, 3, 224, 224)) == "permute"


def test_grad_cam_takes_the_tokens_of_a_vision_transformer() -> None:
    classifier = load_classifier("vit_b_16", "random")
    layer = last_map_layer(classifier, torch.rand(1, 3, 224, 224))
    assert layer == "encoder.layers.encoder_layer_11.ln_1"

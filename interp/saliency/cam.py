"""Grad-CAM: which places of a late layer speak for a class."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interp.network.photographs import ClassNames, Images, as_batch
from interp.network.taps import (
    calls,
    differentiable,
    frozen,
    layer_names,
    run_through,
    tapped,
)
from interp.saliency.attention import token_grid
from interp.saliency.targets import Target, as_target
from styletransfer.errors import RequestError


@differentiable
def grad_cam(
    model: nn.Module, images: Images, target: Target | ClassNames, *, layer: str | None = None
) -> Tensor:
    """Maps N×H×W, at least 0, of where in the images a late layer speaks for the target.

    The channels of the layer are summed with their mean gradients as weights, cut off at 0, and
    scaled up bilinearly.

    Args:
        model: A `Classifier`, or any module that takes images in 0..1.
        images: Files, PIL images, arrays uint8 H×W×3 or tensors in 0..1.
        target: A class, `class_score`, or a function alike.
        layer: Name of the layer; by default `last_map_layer`.

    Raises:
        RequestError: A layer without channels and places, or that the target does not depend on.

    Reference: Selvaraju et al. 2017, "Grad-CAM".
    """
    images, target = as_batch(model, images), as_target(model, target)
    layer = layer or last_map_layer(model, images[:1])
    with frozen(model), tapped(model, [layer]) as values:
        # The pixels require gradients only so that there is a graph.
        score = target(model, images.detach().clone().requires_grad_()).sum()
        if layer not in values:
            raise RequestError(f"layer {layer!r} comes after the target; name an earlier layer")
        maps = values[layer]
        if maps.ndim not in (3, 4):
            shape = "×".join(map(str, maps.shape[1:]))
            raise RequestError(f"layer {layer!r} gives {shape}, no maps; name another layer")
        (slopes,) = torch.autograd.grad(score, maps, allow_unused=True)
    if slopes is None:
        raise RequestError(f"the target does not depend on layer {layer!r}; name an earlier layer")
    slopes, maps = slopes.float(), maps.detach().float()
    if maps.ndim == 3:
        slopes, maps = _placed(slopes, images), _placed(maps, images)
    weighted = (slopes.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu()
    return F.interpolate(weighted, images.shape[2:], mode="bilinear", align_corners=False)[:, 0]


def _placed(tokens: Tensor, images: Tensor) -> Tensor:
    """Tokens N×T×C as maps N×C×h×w, without the class token."""
    height, width, first = token_grid(tokens.shape[1], images)
    return tokens[:, first:].transpose(1, 2).reshape(len(tokens), -1, height, width)


def last_map_layer(model: nn.Module, images: Tensor) -> str:
    """The last layer that still has places: the end of the last convolution's block.

    That is the whole that is computed between the last convolution whose output has more than one
    place and the pooling that follows: `layer4` for a ResNet, `features.29` for VGG16 (its last
    ReLU), `features` for DenseNet. In a network with attention, only what comes after the last
    attention counts: `permute` for a Swin transformer. Where nothing comes after, it is the tokens
    that the last attention gets: `encoder.layers.encoder_layer_11.ln_1` for `vit_b_16`.

    Raises:
        RequestError: The network has no such layer.
    """
    height, width = images.shape[2:]
    found: list[str] = []
    after_pooling = False
    called: set[str] = set()
    norm, tokens = "", ""

    def look(name: str, module: nn.Module, value: object) -> None:
        nonlocal after_pooling, norm, tokens
        # A tap of a module that is called twice gives its first call, which is not the last layer.
        first = name not in called
        called.add(name)
        # From here on, tokens have the image's places, and maps before it are not the last ones.
        if isinstance(value, Tensor) and value.ndim == 3 and isinstance(module, nn.LayerNorm):
            norm = name
        if "Attention" in type(module).__name__:
            found.clear()
            tokens = norm
        if not isinstance(value, Tensor) or value.ndim != 4 or value[0, 0].numel() == 1:
            return
        tall, wide = value.shape[2:]
        # Maps have the image's proportions; channels-last tokens (Swin) do not.
        if abs(tall * width - wide * height) > height + width:
            return
        if isinstance(module, nn.Conv2d):
            found.clear()
            after_pooling = False
        elif "Pool" in type(module).__name__:
            after_pooling = True
        if first and not after_pooling:
            found.append(name)

    with calls(model, layer_names(model), look):
        run_through(model, images)
    if not found and tokens:
        return tokens
    if not found:
        raise RequestError(
            "the model has no late layer with maps; take another --method, or name a --layer"
        )
    return found[-1]

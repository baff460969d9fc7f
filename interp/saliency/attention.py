"""What a vision transformer attends to: its attention maps, and their product over the layers."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interp.network.photographs import Images, as_batch
from interp.network.taps import calls, named_layers, run_through
from styletransfer.errors import RequestError


def attention_maps(model: nn.Module, images: Images) -> dict[str, Tensor]:
    """The attention of each layer, by name in the order of the calls: N×heads×T×T.

    Row t tells how much token t takes from each of the T tokens; it sums to 1. In torchvision's
    `vit_b_16` token 0 is the class token, and the others are patches of the image, row by row.

    Raises:
        RequestError: The model has no `nn.MultiheadAttention`.
    """
    images = as_batch(model, images)
    layers = [
        name
        for name, layer in named_layers(model).items()
        if isinstance(layer, nn.MultiheadAttention)
    ]
    if not layers:
        raise RequestError(
            "the model has no nn.MultiheadAttention, so no attention maps; take another method"
        )
    found: dict[str, Tensor] = {}

    def ask(_layer: nn.Module, given: Any, options: dict[str, Any]) -> Any:
        return given, {**options, "need_weights": True, "average_attn_weights": False}

    def hear(name: str, _layer: nn.Module, made: Any) -> None:
        found[name] = made[1].float()

    handles = [
        named_layers(model)[name].register_forward_pre_hook(ask, with_kwargs=True)
        for name in layers
    ]
    try:
        with calls(model, layers, hear):
            run_through(model, images)
    finally:
        for handle in handles:
            handle.remove()
    return found


def attention_rollout(model: nn.Module, images: Images) -> Tensor:
    """How much of each pixel reaches the class token: maps N×H×W that are at least 0.

    The attention of each layer is averaged over its heads, and mixed half and half with the
    identity, for the skip connection. The product over all layers is the way from the patches to
    the class token, or to the mean of all tokens in a model without one. It does not depend on a
    class.

    Raises:
        RequestError: The model has no `nn.MultiheadAttention`, or its tokens are no grid.

    Reference: Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers".
    """
    images = as_batch(model, images)
    flow: Tensor | None = None
    for attention in attention_maps(model, images).values():
        mixed = attention.mean(1)
        mixed = (mixed + torch.eye(mixed.shape[-1], device=mixed.device)) / 2
        mixed = mixed / mixed.sum(-1, keepdim=True)
        flow = mixed if flow is None else mixed @ flow
    assert flow is not None
    height, width, first = token_grid(flow.shape[-1], images)
    rows = flow[:, 0] if first else flow.mean(1)
    maps = rows[:, first:].reshape(-1, 1, height, width)
    return F.interpolate(maps, images.shape[2:], mode="bilinear", align_corners=False)[:, 0]


def token_grid(count: int, images: Tensor) -> tuple[int, int, int]:
    """Height and width of the grid of `count` tokens, and how many come before them, 0 or 1.

    Raises:
        RequestError: The tokens are no grid of the image's proportions.
    """
    tall, wide = images.shape[2:]
    for first in (1, 0) if count > 1 else (0,):
        side = math.sqrt((count - first) / (tall * wide))
        height, width = round(side * tall), round(side * wide)
        # Patches are squares, but for a rest that is cut off at the border.
        alike = 0.8 < (tall * width) / (wide * height or 1) < 1.25
        if alike and height * width == count - first:
            return height, width, first
    raise RequestError(
        f"the {count} tokens of the model are no grid of patches of {wide}×{tall} pixels; take "
        "another method"
    )

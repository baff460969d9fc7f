"""Crop a map to the size of another one, in one operator of the exported graph."""

import torch
from torch import Tensor


def crop(x: Tensor, like: Tensor, start: int = 0) -> Tensor:
    """Return rows and columns of `x` (N×C×H×W) from `start` on, as many as `like` has."""
    if torch.onnx.is_in_onnx_export():
        return _exported(x, like, start)
    height, width = like.shape[2:]
    return x[:, :, start : start + height, start : start + width]


def inner(x: Tensor, before: int, after: int) -> Tensor:
    """Return `x` (N×C×H×W) without its first `before` and last `after` rows and columns."""
    height, width = (side - before - after for side in x.shape[2:])
    if torch.onnx.is_in_onnx_export():
        operator = torch.onnx.ops.symbolic
        starts, axes = torch.tensor([before, before]), torch.tensor([2, 3])
        ends = torch.tensor([-after, -after])
        shape = (*x.shape[:2], height, width)
        return operator("Slice", (x, starts, ends, axes), dtype=x.dtype, shape=shape, version=20)
    return x[:, :, before : before + height, before : before + width]


def _exported(x: Tensor, like: Tensor, start: int) -> Tensor:
    """Crop in one operator. The exporter would make two, which copy the map twice."""
    operator = torch.onnx.ops.symbolic
    starts, axes = torch.tensor([start, start]), torch.tensor([2, 3])
    ends = operator("Shape", (like,), {"start": 2}, dtype=torch.int64, shape=(2,), version=20)
    if start:
        ends = operator("Add", (ends, starts), dtype=torch.int64, shape=(2,), version=20)
    shape = (*x.shape[:2], *like.shape[2:])
    return operator("Slice", (x, starts, ends, axes), dtype=x.dtype, shape=shape, version=20)

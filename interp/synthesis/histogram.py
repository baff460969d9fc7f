"""Histogram matching: the colors of one image in the order of another's."""

import numpy as np
import torch
from torch import Tensor


def match_histogram(image: Tensor, sample: Tensor) -> Tensor:
    """`image` with each channel's values replaced by those of `sample`, rank by rank.

    The least value becomes the sample's least, and so on; between two of them, where the sizes
    differ, it is interpolated. Both are 1×C×H×W, of any sizes, with as many channels.
    Gatys, Ecker and Bethge 2015, "Texture Synthesis Using Convolutional Neural Networks", do so
    at the end.
    """
    matched = np.empty(image.shape, np.float32)
    for channel, (values, wanted) in enumerate(
        zip(image[0].flatten(1).cpu().numpy(), sample[0].flatten(1).cpu().numpy(), strict=True)
    ):
        places = (np.arange(wanted.size) + 0.5) / wanted.size
        quantiles = np.empty(values.size)
        quantiles[np.argsort(values, kind="stable")] = (np.arange(values.size) + 0.5) / values.size
        colors = np.interp(quantiles, places, np.sort(wanted))
        matched[0, channel] = colors.reshape(image.shape[2:])
    return torch.from_numpy(matched).to(image.device)

"""The network of the gallery: a coarse stage drafts the painting, and a fine stage revises it.

The draft has half the size, and shows the planes and the large shapes. It is trained first and
alone, when a step takes little time. The revision sees the photograph, the draft and the maps that
the draft was painted from, and adds edges and brush marks. The draft keeps its own losses when both
stages are trained: without them, the fine stage soon painted all by itself, in strokes of one
width.

The design makes the network fast and prevents grid patterns:

- **The image is padded once, and no convolution pads.** So each output pixel is the same function
  of its neighborhood at every position, and no time is spent on padding between layers. The
  padding is an odd reflection, in training as well. The norms of a small crop see mostly padding,
  so the padding must resemble the rest of a large picture. A network that was trained with repeated
  border pixels had a style loss a third higher.
- **Each stage works at a quarter of its size**, in blocks of a depthwise convolution, a norm and
  two pointwise convolutions. The norm is where there are few channels. The depthwise convolution
  is on the residual path, so nothing must be cropped for the sum.
- **The last convolution of a stage runs at half of its size**: see `UpsampleConv2d`.
- **The upsampling before it is bilinear, with symmetric kernels**: see `UpsampleDepthwise2d`.
- **A skip connection leads from the first convolution of a stage to its last one**, so fine detail
  does not have to pass through a quarter of the size.

Style 0, the identity, has no parameters. With style weights w, the strength is f = 1 − w₀, and the
paintings are blended by w_s/f. The output is w₀·image + f·painting. It is linear in the strength,
and w₀ = 1 returns the image itself.

Reference:
    Lin et al. 2021, Drafting and Revision: Laplacian Pyramid Network for Fast High-Quality
    Artistic Style Transfer.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from styletransfer.networks.clamp import clamp_unit
from styletransfer.networks.conditional_instance_norm import ConditionalInstanceNorm2d
from styletransfer.networks.cropping import crop, inner
from styletransfer.networks.padding import odd_reflect_pad
from styletransfer.networks.style_network import StyleNetwork
from styletransfer.networks.upsampling import UpsampleConv2d, UpsampleDepthwise2d


class SeparableBlock(nn.Module):
    """A residual block: y = depthwise(x), then y + narrow(ReLU(widen(norm(y))))."""

    def __init__(self, channels: int, hidden: int, kernel: int, paintings: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, kernel, groups=channels, bias=False)
        # It is on the residual path, so it starts near the identity.
        nn.init.normal_(self.depthwise.weight, std=0.2 / kernel)
        with torch.no_grad():
            self.depthwise.weight[:, :, kernel // 2, kernel // 2] += 1
        self.norm = ConditionalInstanceNorm2d(channels, paintings)
        self.widen = nn.Conv2d(channels, hidden, 1)
        # No bias, because the next norm would remove it.
        self.narrow = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor, blend: Tensor) -> Tensor:
        y: Tensor = self.depthwise(x)
        change: Tensor = self.narrow(F.relu(self.widen(self.norm(y, blend))))
        return y + change


class Painted(NamedTuple):
    """What a stage returns.

    Args:
        picture: The painting, N×3×H×W, which may have some extra rows and columns at its end.
        maps: The maps from which its cells of 2×2 pixels were computed, N×`head`×(H/2+2)×(W/2+2).
    """

    picture: Tensor
    maps: Tensor


class Stage(nn.Module):
    """A stage: two strided convolutions, blocks at a quarter of the size, and upsampling.

    Args:
        paintings: Number of paintings.
        channels: Channels of the maps at a quarter of the size.
        hidden: Channels inside the blocks.
        stem: Channels of the first convolution.
        head: Channels of the maps at half size, before the last convolution.
        kernels: Kernel size of the depthwise convolution of each block, odd and at least 3.
        revises: Whether the stage also takes what a stage painted at half of its size, and adds
            its change to the enlarged draft. That stage must have the same `head`.
    """

    def __init__(
        self,
        paintings: int,
        channels: int,
        hidden: int,
        stem: int,
        head: int,
        kernels: Sequence[int],
        revises: bool = False,
    ) -> None:
        super().__init__()
        # An even kernel, so that the pixels of the output are aligned with those of the input.
        self.stem = nn.Conv2d(3, stem, 4, stride=2)
        self.shrink = nn.Conv2d(stem, channels, 3, stride=2)
        self.blocks = nn.ModuleList(
            SeparableBlock(channels, hidden, kernel, paintings) for kernel in kernels
        )
        self.reduce = nn.Conv2d(channels, head, 1, bias=False)
        self.reduce_norm = ConditionalInstanceNorm2d(head, paintings)
        self.grow = UpsampleDepthwise2d(head)
        self.skip = nn.Conv2d(stem, head, 1, bias=False)
        nn.init.normal_(self.skip.weight, std=0.1)
        self.skip_gain = nn.Parameter(torch.ones(paintings, stem))
        self.paint = UpsampleConv2d(head, 3)
        self.tint = nn.Parameter(torch.full((paintings, 3), 0.0 if revises else 0.5))
        if revises:
            # Even like the kernel of the stem, so that both are centered between the same pixels.
            self.draft_stem = nn.Conv2d(3, stem, 2, bias=False)
            self.guide = nn.Conv2d(head, channels, 2, bias=False)
            self.enlarge = UpsampleConv2d(3, 3)
            self.enlarge.start_bilinear()
            # At first, the revision nearly returns the draft.
            nn.init.zeros_(self.guide.weight)
            with torch.no_grad():
                self.paint.weight.mul_(0.05)
        # Padding that the layers need on each side, in pixels of the input: 2 for the two strided
        # convolutions together, 4 for `grow`, 2 for `paint`, and that of the blocks.
        self.margin = 8 + 4 * sum(kernel // 2 for kernel in kernels)

    def forward(self, padded: Tensor, blend: Tensor, draft: Painted | None = None) -> Painted:
        """Paint a padded photograph.

        Args:
            padded: The photograph, N×3×H×W, with `margin` more pixels before it and `margin` + 3
                or more behind it.
            blend: Shares of the paintings, N×(S−1).
            draft: The draft, half the size of `padded`, if the stage revises.
        """
        fine = self.stem(padded)
        if draft is not None:
            fine = fine + crop(self.draft_stem(draft.picture), fine)
        fine = F.relu(fine)
        y = self.shrink(fine)
        if draft is not None:
            y = y + crop(self.guide(draft.maps), y, 1)
        y = F.relu(y)
        for block in self.blocks:
            y = block(y, blend)
        y = self.grow(self.reduce_norm(self.reduce(y), blend))
        # Position of the first pixel of y in the maps of `stem`.
        start = self.margin // 2 - 2
        gain = (blend @ self.skip_gain)[:, :, None, None]
        y = F.relu(y + self.skip(gain * crop(fine, y, start)))
        phases = self.paint.phases(y)
        if draft is not None:
            phases = phases + self.enlarge.phases(crop(draft.picture, y, self.margin // 2 - 1))
        picture = self.paint.placed(phases) + (blend @ self.tint)[:, :, None, None]
        return Painted(picture, y)


class CoarseToFine(StyleNetwork):
    """The network of the gallery; see the module's text.

    Args:
        styles: Number of styles, including the identity; at least 2.
        coarse_channels: Channels of the coarse stage; see `Stage`.
        coarse_hidden: Channels inside the blocks of the coarse stage.
        coarse_kernels: Kernel sizes of the blocks of the coarse stage.
        fine_channels: Channels of the fine stage.
        fine_hidden: Channels inside the blocks of the fine stage.
        fine_kernels: Kernel sizes of the blocks of the fine stage.
        stem: Channels of the first convolution of both stages.
        head: Channels before the last convolution of both stages.

    Raises:
        ValueError: There are fewer than two styles, or a kernel is even or smaller than 3.
    """

    exact_identity = True
    has_draft = True

    def __init__(
        self,
        styles: int,
        coarse_channels: int = 128,
        coarse_hidden: int = 256,
        coarse_kernels: Sequence[int] = (5, 3, 5, 3, 5),
        fine_channels: int = 48,
        fine_hidden: int = 96,
        fine_kernels: Sequence[int] = (3, 3, 3),
        stem: int = 24,
        head: int = 32,
    ) -> None:
        super().__init__()
        if styles < 2:
            raise ValueError("a coarse-to-fine network needs the identity and a style beside it")
        if any(k < 3 or k % 2 == 0 for k in (*coarse_kernels, *fine_kernels)):
            raise ValueError("the kernels of the blocks must be odd and at least 3")
        self.styles = styles
        self.options = {
            "coarse_channels": coarse_channels,
            "coarse_hidden": coarse_hidden,
            "coarse_kernels": list(coarse_kernels),
            "fine_channels": fine_channels,
            "fine_hidden": fine_hidden,
            "fine_kernels": list(fine_kernels),
            "stem": stem,
            "head": head,
        }
        paintings = styles - 1
        self.coarse = Stage(paintings, coarse_channels, coarse_hidden, stem, head, coarse_kernels)
        self.fine = Stage(
            paintings, fine_channels, fine_hidden, stem, head, fine_kernels, revises=True
        )
        # The 8×8 pixels of one pixel at an eighth of the size depend on the same square.
        self.receptive_field = 2 * (self.fine.margin + 2 * self.coarse.margin) + 8

    def forward(self, image: Tensor, style_weights: Tensor) -> Tensor:
        strength, blend = _strength_and_blend(style_weights)
        painting, _ = self._stages(image, blend)
        return clamp_unit(style_weights[:, :1, None, None] * image + strength * painting)

    def with_draft(self, image: Tensor, style_weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output and the draft that it revises, which has half the size."""
        strength, blend = _strength_and_blend(style_weights)
        painting, draft = self._stages(image, blend)
        identity = style_weights[:, :1, None, None]
        half = F.avg_pool2d(image, 2)
        return (
            clamp_unit(identity * image + strength * painting),
            identity * half + strength * crop(draft, half, self.fine.margin // 2),
        )

    def _stages(self, image: Tensor, blend: Tensor) -> tuple[Tensor, Tensor]:
        """Return the painting, and the draft with its padding."""
        far = 2 * self.coarse.margin
        near = self.fine.margin
        # More at the end, so that the strides lose no pixel for any size: 3 for the fine stage, and
        # 3 at half size for the coarse stage.
        wide = odd_reflect_pad(image, far + near, far + near + 9)
        coarse = self.coarse(F.avg_pool2d(wide, 2), blend)
        draft = Painted(clamp_unit(coarse.picture), coarse.maps)
        painting = self.fine(inner(wide, far, far + 6), blend, draft).picture
        return crop(painting, image), draft.picture

    def draft(self, image: Tensor, style_weights: Tensor) -> Tensor:
        """Paint `image`, half the size of the photograph, with the coarse stage only."""
        strength, blend = _strength_and_blend(style_weights)
        padded = odd_reflect_pad(image, self.coarse.margin, self.coarse.margin + 3)
        draft = clamp_unit(crop(self.coarse(padded, blend).picture, image))
        return style_weights[:, :1, None, None] * image + strength * draft


def _strength_and_blend(style_weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the strength, N×1×1×1, and the shares of the paintings, N×(S−1)."""
    strength = style_weights[:, 1:].sum(1, keepdim=True)
    return strength[:, :, None, None], style_weights[:, 1:] / strength.clamp(min=1e-6)

"""Our network: a coarse stage drafts the painting at half size, a fine stage revises it.

Lin et al. 2021, "Drafting and Revision: Laplacian Pyramid Network for Fast High-Quality Artistic
Style Transfer". The draft has the planes and the large forms; it is trained first and alone, on
half the size, where a step costs little. The revision sees the photograph and the draft. It adds
edges and brush marks.

What makes it fast, and free of a grid:

- **The image is padded once, and every convolution after that is "valid".** Each output pixel is
  the same function of its surroundings wherever it lies, and no padding between the layers takes
  time. The padding is an odd reflection, in training too: most of what the norms of a small crop
  see is padding, so it must look like the surroundings that the pixels of a large picture have. A
  network that had learned on repeated pixels of the border painted a style loss a third higher.
- **Each stage works at a quarter of its size**, in blocks of a depthwise convolution, a norm and
  two pointwise convolutions. The norm stands where there are few channels. The depthwise
  convolution is part of the residual path, so that nothing is cropped for the sum.
- **The last convolution of a stage runs at half of its size**: see `UpsampleConv2d`.
- **The upsampling before it is bilinear, with symmetric kernels**: see `UpsampleDepthwise2d`.
- **A skip connection brings the maps of a stage's first convolution to its last one.** Fine detail
  need not pass through a quarter of the size.

Style 0, the identity, has no parameters. With style weights w, the strength is f = 1 − w₀, and the
paintings are blended by w_s/f. The output is w₀·image + f·painting: it is linear in the strength,
and w₀ = 1 returns the image itself.
"""

from collections.abc import Sequence

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
    """y = depthwise(x), smaller by the kernel; y + narrow(ReLU(widen(norm(y))))."""

    def __init__(self, channels: int, hidden: int, kernel: int, paintings: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, kernel, groups=channels, bias=False)
        # It is the residual path too, so it starts near the identity.
        nn.init.normal_(self.depthwise.weight, std=0.2 / kernel)
        with torch.no_grad():
            self.depthwise.weight[:, :, kernel // 2, kernel // 2] += 1
        self.norm = ConditionalInstanceNorm2d(channels, paintings)
        self.widen = nn.Conv2d(channels, hidden, 1)
        # No bias: the norms that follow would take it away again.
        self.narrow = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor, blend: Tensor) -> Tensor:
        y: Tensor = self.depthwise(x)
        change: Tensor = self.narrow(F.relu(self.widen(self.norm(y, blend))))
        return y + change


class Stage(nn.Module):
    """Half the size, a quarter, the blocks, and back, without padding.

    Args:
        paintings: Number of paintings.
        channels: Channels of the maps at a quarter of the size.
        hidden: Channels inside the blocks.
        stem: Channels of the first convolution.
        head: Channels of the maps at half size, before the last convolution.
        kernels: Side of the depthwise convolution of each block, odd and at least 3.
        revises: Whether the stage also takes a draft at half of its size, and returns what is to
            be added to it, at full size.
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
        # An even kernel, so that the pixels of the output lie exactly on those of the input.
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
            # Even, as the stem's kernel is: so both lie between the same pixels.
            self.draft_stem = nn.Conv2d(3, stem, 2, bias=False)
            self.enlarge = UpsampleConv2d(3, 3)
            self.enlarge.start_bilinear()
            # The revision starts from the draft as it is, nearly.
            with torch.no_grad():
                self.paint.weight.mul_(0.05)
        # How far each layer looks beyond its own pixel, in pixels of the input: 2 for the two
        # strided ones together, 4 for `grow`, 2 for `paint`.
        self.margin = 8 + 4 * sum(kernel // 2 for kernel in kernels)

    def forward(self, padded: Tensor, blend: Tensor, draft: Tensor | None = None) -> Tensor:
        """Paint `padded`, the photograph with `margin` more pixels before it and 3 more behind.

        `draft` is half the size of `padded`. The result has a few rows and columns too many at
        its end.
        """
        fine = self.stem(padded)
        if draft is not None:
            fine = fine + crop(self.draft_stem(draft), fine)
        fine = F.relu(fine)
        y = F.relu(self.shrink(fine))
        for block in self.blocks:
            y = block(y, blend)
        y = self.grow(self.reduce_norm(self.reduce(y), blend))
        # Where the first pixel of y lies in the maps of `stem`.
        start = self.margin // 2 - 2
        gain = (blend @ self.skip_gain)[:, :, None, None]
        y = F.relu(y + self.skip(gain * crop(fine, y, start)))
        phases = self.paint.phases(y)
        if draft is not None:
            phases = phases + self.enlarge.phases(crop(draft, y, self.margin // 2 - 1))
        return self.paint.placed(phases) + (blend @ self.tint)[:, :, None, None]


class CoarseToFine(StyleNetwork):
    """The network of the gallery; see the module's text.

    Args:
        styles: S, the identity counted, so at least 2.
        coarse_channels, coarse_hidden, coarse_kernels: Widths and kernels of the coarse stage.
        fine_channels, fine_hidden, fine_kernels: Widths and kernels of the fine stage.
        stem, head: Channels of the first maps and of the last ones of either stage.

    Raises:
        ValueError: Fewer than two styles, or a kernel that is even or smaller than 3.
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
        # The 8×8 pixels of one pixel at an eighth of the size see the same square.
        self.receptive_field = 2 * (self.fine.margin + 2 * self.coarse.margin) + 8

    def forward(self, image: Tensor, style_weights: Tensor) -> Tensor:
        strength, blend = _strength_and_blend(style_weights)
        far = 2 * self.coarse.margin
        near = self.fine.margin
        # More at the end, so that the strides lose no pixel, whatever the size: 3 for the fine
        # stage, and 3 at half size for the coarse one.
        wide = odd_reflect_pad(image, far + near, far + near + 9)
        draft = clamp_unit(self.coarse(F.avg_pool2d(wide, 2), blend))
        painting = crop(self.fine(inner(wide, far, far + 6), blend, draft), image)
        return clamp_unit(style_weights[:, :1, None, None] * image + strength * painting)

    def draft(self, image: Tensor, style_weights: Tensor) -> Tensor:
        """Paint `image`, which is half the size of the photograph, with the coarse stage alone."""
        strength, blend = _strength_and_blend(style_weights)
        padded = odd_reflect_pad(image, self.coarse.margin, self.coarse.margin + 3)
        draft = clamp_unit(crop(self.coarse(padded, blend), image))
        return style_weights[:, :1, None, None] * image + strength * draft


def _strength_and_blend(style_weights: Tensor) -> tuple[Tensor, Tensor]:
    """The strength, N×1×1×1, and the paintings' shares, N×(S−1), of style rows N×S."""
    strength = style_weights[:, 1:].sum(1, keepdim=True)
    return strength[:, :, None, None], style_weights[:, 1:] / strength.clamp(min=1e-6)

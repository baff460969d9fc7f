"""What a loss network sees beyond the borders of a picture in training."""

from torch import Tensor

from styletransfer.networks.padding import reflect_pad

# Pixels; two layers of VGG at full size and two at half size look this far.
MARGIN = 8


def surrounded(image: Tensor) -> Tensor:
    """`image`, N×3×H×W, mirrored by 8 pixels beyond each border: N×3×(H+16)×(W+16).

    A loss network pads with zeros, which are the gray of the mean of ImageNet. To it, a picture
    ends at a wall of gray, an edge that no painting has, and that no network should paint for.
    """
    return reflect_pad(image, MARGIN, MARGIN)

"""Read image files as 8-bit sRGB, write them, and find them in folders.

Example:
    picture = read_image("photo.jpg", short_side=720)
    write_image("copy.png", picture)
"""

from styletransfer.images.decode import (
    DEFAULT_MAX_PIXELS,
    Header,
    decode_image,
    read_header,
    read_image,
    read_size,
)
from styletransfer.images.encode import WRITABLE, encode_image, write_image
from styletransfer.images.find import (
    READABLE,
    find_images,
    image_suffixes,
    is_unreadable,
    passed_over,
    why_missing,
)
from styletransfer.images.metadata import Metadata
from styletransfer.images.picture import Array, Picture, Pixels, to_pixels, to_tensor

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "READABLE",
    "WRITABLE",
    "Array",
    "Header",
    "Metadata",
    "Picture",
    "Pixels",
    "decode_image",
    "encode_image",
    "find_images",
    "image_suffixes",
    "is_unreadable",
    "passed_over",
    "read_header",
    "read_image",
    "read_size",
    "to_pixels",
    "to_tensor",
    "why_missing",
    "write_image",
]

"""Files of pixels: decode to 8-bit sRGB, encode, find in folders.

Example:
    picture = read_image("photo.jpg", size=720)
    write_image("copy.png", picture)
"""

from styletransfer.errors import ImageError
from styletransfer.images.decode import DEFAULT_MAX_PIXELS, read_image, read_size
from styletransfer.images.encode import WRITABLE, encode_image, write_image
from styletransfer.images.find import READABLE, find_images, image_suffixes
from styletransfer.images.picture import Picture, Pixels, Tensor, to_pixels, to_tensor

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "READABLE",
    "WRITABLE",
    "ImageError",
    "Picture",
    "Pixels",
    "Tensor",
    "encode_image",
    "find_images",
    "image_suffixes",
    "read_image",
    "read_size",
    "to_pixels",
    "to_tensor",
    "write_image",
]

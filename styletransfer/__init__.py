"""Fast style transfer: small instance-norm networks, many styles in one ONNX file.

Example:
    from styletransfer import Stylizer, read_image, write_image

    stylize = Stylizer()
    write_image("painted.jpg", stylize(read_image("photo.jpg"), "the_scream"))
"""

from styletransfer.errors import StyleTransferError

TYPE_CHECKING = False  # importing `typing` takes longer than the rest of this file
if TYPE_CHECKING:
    from typing import Any

    from styletransfer.images import Picture, read_image, write_image
    from styletransfer.inference import Stylizer

__version__ = "0.1.0"
__all__ = ["Picture", "StyleTransferError", "Stylizer", "read_image", "write_image"]

# Imported at the first use: NumPy, Pillow and ONNX Runtime are slow to import.
_PLACES = {
    "Picture": "styletransfer.images",
    "read_image": "styletransfer.images",
    "write_image": "styletransfer.images",
    "Stylizer": "styletransfer.inference",
}


def __getattr__(name: str) -> "Any":
    from importlib import import_module

    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})

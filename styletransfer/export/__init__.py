"""Export the network of a checkpoint to an ONNX file. This module is the format of the file.

It is torch-free, because `styletransfer.inference` reads the format too.
"""

FORMAT = "1"
INPUTS = ("image", "style_weights")
OUTPUT = "stylized"
TRITON_MODEL = "styletransfer"
"""Name of the model in a repository of Triton."""
KEYS = tuple(
    f"styletransfer.{key}"
    for key in ("format", "styles", "network", "receptive_field", "trained_on")
)
"""Keys that the metadata must have. `bytes_per_pixel` and `precision` are optional."""

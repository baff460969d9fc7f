"""The format of the ONNX files that `export` writes and `styletransfer.inference` reads."""

FORMAT = "1"
INPUTS = ("image", "style_weights")
OUTPUT = "stylized"
KEYS = tuple(
    f"styletransfer.{key}"
    for key in ("format", "styles", "network", "receptive_field", "trained_on")
)
"""Keys that the metadata must have. `bytes_per_pixel` and `precision` are optional."""

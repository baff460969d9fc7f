"""Fast style transfer: small instance-norm networks, many styles in one ONNX file."""

__version__ = "0.1.0"

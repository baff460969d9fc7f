"""From an ONNX file to stylized pictures, with NumPy, Pillow and ONNX Runtime alone."""

from styletransfer.inference.stylizer import Stylizer

__all__ = ["Stylizer"]

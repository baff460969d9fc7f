"""Stylize pictures with an ONNX file, by NumPy, Pillow and ONNX Runtime, without PyTorch."""

from styletransfer.inference.stylizer import Stylizer

__all__ = ["Stylizer"]

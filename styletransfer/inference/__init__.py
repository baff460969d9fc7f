"""From an ONNX file to stylized pictures, with NumPy, Pillow and ONNX Runtime alone."""

from styletransfer.inference.blend import StyleError
from styletransfer.inference.model import ModelError
from styletransfer.inference.providers import ProviderError
from styletransfer.inference.stylizer import Stylizer

__all__ = ["ModelError", "ProviderError", "StyleError", "Stylizer"]

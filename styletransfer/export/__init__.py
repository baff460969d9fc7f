"""From a training checkpoint to the ONNX file."""

"""Export the network of a checkpoint to an ONNX file."""

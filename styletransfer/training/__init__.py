"""Training of multi-style networks with PyTorch Lightning."""

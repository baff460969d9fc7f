"""The classifier that is looked into: its layers, its weights, what a neuron sees."""

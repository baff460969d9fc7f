"""Look inside a network: filters, features, activations, saliency, attacks and made images."""

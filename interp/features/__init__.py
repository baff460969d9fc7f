"""What a network computes from images: filters, features and their maps, activations, patches."""

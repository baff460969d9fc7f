"""Where in an image a network looks: occlusion, gradients, guided backprop, and what they miss."""

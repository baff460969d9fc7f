"""Where in an image a network looks: saliency maps, a test of them, and a segmentation."""

from typing import Literal, get_args

Method = Literal[
    "gradient",
    "smoothgrad",
    "input-x-gradient",
    "integrated-gradients",
    "grad-cam",
    "guided",
    "guided-grad-cam",
    "occlusion",
    "attention-rollout",
]
# Here, and not where they are computed, so that `--help` waits for no torch.
ALL_METHODS: tuple[Method, ...] = get_args(Method)
# Those that explain a class or a neuron of any network.
METHODS = ALL_METHODS[:-1]

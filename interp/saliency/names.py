"""What the saliency methods are called; apart, so that `--help` waits for no torch."""

from typing import Literal, get_args

Method = Literal[
    "gradient",
    "smoothgrad",
    "input-x-gradient",
    "integrated-gradients",
    "grad-cam",
    "guided",
    "occlusion",
]
METHODS: tuple[Method, ...] = get_args(Method)

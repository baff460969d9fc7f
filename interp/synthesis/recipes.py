"""How class images are made: a start, what holds the image, a step, priors and transforms."""

from dataclasses import dataclass, field
from typing import Literal

Start = Literal["gray", "mean", "noise"]
Optimizer = Literal["adam", "normalized", "gradient"]
Basis = Literal["phases", "fourier", "pixels"]


def _said(text: str, example: str) -> dict[str, str]:
    """What the help of the option says."""
    return {"help": text, "example": example}


@dataclass(frozen=True)
class Recipe:
    """The settings of `interp.synthesis.class_images`; zero leaves a thing out.

    Pixels are in 0..1 here. In papers they are in 0..255, where a rate of r for the plain gradient
    is r/255² here, and a mean change of r is r/255.
    """

    steps: int = field(default=500, metadata=_said("Number of steps.", "200"))
    rate: float = field(
        default=0.05,
        metadata=_said(
            "Rate of Adam; with normalized the mean change of a pixel; with gradient its factor.",
            "0.02",
        ),
    )
    optimizer: Optimizer = field(
        default="adam",
        metadata=_said("Adam, the gradient scaled to a mean of 1, or the gradient itself.", "adam"),
    )
    basis: Basis = field(
        default="fourier",
        metadata=_said(
            "What is changed: phases of frequencies, frequencies, or pixels.",
            "pixels",
        ),
    )
    start: Start = field(
        default="gray",
        metadata=_said(
            "First image: mid-gray, the model's mean color, or the mean with noise.", "noise"
        ),
    )
    size: int = field(
        default=0,
        metadata=_said(
            "Side of the image in pixels; 0 is what the model takes, more with --least-crop.", "320"
        ),
    )
    l2: float = field(default=0.0, metadata=_said("Weight of the L2 penalty.", "10"))
    total_variation: float = field(
        default=0.0, metadata=_said("Weight of the total variation, with β = 2.", "1")
    )
    jitter: int = field(
        default=0, metadata=_said("Greatest random shift of the image, in pixels.", "16")
    )
    scale: float = field(
        default=0.0, metadata=_said("Greatest random change of the scale, as a part of it.", "0.1")
    )
    rotation: float = field(
        default=0.0, metadata=_said("Greatest random rotation, in degrees.", "10")
    )
    least_crop: float = field(
        default=0.0,
        metadata=_said("Least part of the sides that a random crop has; 0 is no crop.", "0.75"),
    )
    first_view: float = field(
        default=0.0,
        metadata=_said(
            "Size at which the model sees the image first, as a part of its own; it grows to the "
            "whole. 0 is always the whole.",
            "0.5",
        ),
    )
    noise: float = field(
        default=0.0, metadata=_said("Standard deviation of noise on what the model sees.", "0.08")
    )
    decay: float = field(
        default=0.0,
        metadata=_said(
            "Part of the distance from the mean color that is lost in a step.", "0.0001"
        ),
    )
    blur: float = field(default=0.0, metadata=_said("σ of a Gaussian blur, in pixels.", "1"))
    blur_end: float = field(
        default=0.0, metadata=_said("σ of the blur in the last step; it changes evenly.", "0.5")
    )
    blur_every: int = field(
        default=1, metadata=_said("Number of steps from one blur to the next.", "4")
    )
    norm_percentile: float = field(
        default=0.0,
        metadata=_said("Percentage of pixels to clear: those nearest to the mean color.", "20"),
    )
    gradient_percentile: float = field(
        default=0.0,
        metadata=_said("Percentage of pixels to clear: those with the smallest gradient.", "20"),
    )
    contribution_percentile: float = field(
        default=0.0,
        metadata=_said(
            "Percentage of pixels to clear: those with the smallest |pixel × gradient|.", "20"
        ),
    )
    center_bias: float = field(
        default=0.0,
        metadata=_said(
            "First σ of a Gaussian that grows from the middle, as a part of the sides.", "0.15"
        ),
    )


PRESETS = {
    # Simonyan, Vedaldi and Zisserman 2014, "Deep Inside Convolutional Networks".
    "simonyan": Recipe(
        steps=300, rate=0.02, optimizer="gradient", basis="pixels", start="mean", l2=20.0
    ),
    # Yosinski et al. 2015, "Understanding Neural Networks Through Deep Visualization". Their rate,
    # 100 / 255² here, is for scores that are no means over places: too little for SqueezeNet's.
    "yosinski": Recipe(
        steps=200,
        rate=0.05,
        optimizer="gradient",
        basis="pixels",
        start="mean",
        decay=1e-4,
        blur=1.0,
        blur_every=4,
    ),
    # Nguyen, Yosinski and Clune 2016, "Multifaceted Feature Visualization".
    "nguyen": Recipe(
        steps=300,
        rate=11 / 255,
        optimizer="normalized",
        basis="pixels",
        start="mean",
        total_variation=10.0,
        jitter=16,
        blur=2.5,
        blur_end=0.5,
        center_bias=0.15,
    ),
    # Olah, Mordvintsev and Schubert 2017, "Feature Visualization".
    "lucid": Recipe(steps=512, rate=0.05, jitter=8, scale=0.1, rotation=10),
    # Fel et al. 2023, "Unlocking Feature Visualization for Deeper Networks with MAgnitude
    # Constrained Optimization".
    "maco": Recipe(steps=200, rate=1.0, basis="phases", least_crop=0.6, first_view=0.3, noise=0.08),
}

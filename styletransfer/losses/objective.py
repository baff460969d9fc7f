"""What a network is trained for, as its checkpoint keeps it: so a later style is, too."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Objective:
    """The loss network with its taps, the style images' size, and the weights of the losses."""

    loss_network: str
    style_taps: tuple[str, ...]
    content_tap: str
    style_size: int
    style_weight: float
    content_weight: float
    tone_weight: float

    @property
    def taps(self) -> list[str]:
        """All taps, each once."""
        return list(dict.fromkeys((*self.style_taps, self.content_tap)))

    def as_entry(self) -> dict[str, Any]:
        """Plain types, for a checkpoint."""
        return {**asdict(self), "style_taps": list(self.style_taps)}

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> "Objective":
        """Undo `as_entry`."""
        return cls(**{**entry, "style_taps": tuple(entry["style_taps"])})

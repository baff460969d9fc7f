"""The paintings that a network learns, and which of them each sample gets."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from styletransfer.errors import StyleError, TrainingDataError
from styletransfer.images import find_images, read_image, to_tensor
from styletransfer.style_names import check_style_name

# Greatest difference of the colors of a pixel that is still gray, in 8-bit levels.
GRAY = 8


def find_styles(source: Path | Sequence[Path]) -> dict[str, Path]:
    """Return the name and the path of each painting, in a folder or a list of files.

    The name is that of the file without its suffix.

    Raises:
        TrainingDataError: There is no image, two have the same name, or a name is not allowed.
    """
    if isinstance(source, Path):
        if not source.is_dir():
            raise TrainingDataError(f"{source}: no such folder of paintings")
        files: Sequence[Path] = find_images(source)
    else:
        files = [Path(path) for path in source]
    if not files:
        raise TrainingDataError(f"{source}: no image in it; add at least one painting")
    styles: dict[str, Path] = {}
    for path in files:
        try:
            check_style_name(path.stem)
        except StyleError as error:
            raise TrainingDataError(f"{path}: {error}") from error
        if path.stem in styles:
            raise TrainingDataError(f"{path} and {styles[path.stem]} have one name; rename one")
        styles[path.stem] = path
    return styles


def read_paintings(files: Sequence[Path], size: int) -> list[Tensor]:
    """Read paintings, scaled to a short side of `size` pixels: each 1×3×H×W in 0..1.

    Raises:
        ImageError: A painting cannot be read.
    """
    return [torch.from_numpy(to_tensor(read_image(path, short_side=size).rgb)) for path in files]


def painting_notes(image: Path, size: int) -> tuple[str, ...]:
    """Return what the user should know of a painting that is scaled to a short side of `size`.

    Raises:
        ImageError: The painting cannot be read.
    """
    picture = read_image(image)
    notes = list(picture.notes)
    short = min(picture.rgb.shape[:2])
    if short < size:
        notes.append(f"short side of {short} pixels, enlarged to {size}: its strokes will be soft")
    if np.ptp(picture.rgb.astype(np.int16), axis=2).max() <= GRAY:
        notes.append("the painting is gray, so what is painted with it will be gray")
    if picture.alpha is not None and picture.alpha.min() < 255:
        notes.append("its transparent parts count as well, with the colors near them")
    return tuple(notes)


class StyleDeck:
    """Deals a style to each sample: each painting equally often, in a seeded order.

    Args:
        styles: Number of styles, the identity (style 0) included.
        identity_share: Share of the samples that get the identity, in 0..1.
        seed: Seed of the order.
    """

    def __init__(self, styles: int, identity_share: float, seed: int) -> None:
        self.painted = styles - 1
        self.identity_share = identity_share
        self.seed = seed

    def deal(self, first: int, count: int) -> list[int]:
        """Return the styles of the samples `first` … `first + count − 1` of the run."""
        return [self._one(index) for index in range(first, first + count)]

    def _one(self, index: int) -> int:
        rng = np.random.default_rng([self.seed, index])
        if rng.random() < self.identity_share or not self.painted:
            return 0
        round_, turn = divmod(index, self.painted)
        order = np.random.default_rng([self.seed, self.painted, round_]).permutation(self.painted)
        return 1 + int(order[turn])

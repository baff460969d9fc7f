"""Turn style texts such as `the_scream` or `the_scream:0.6,udnie:0.4` into style rows."""

import difflib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from styletransfer.errors import StyleError

IDENTITY = 0  # the first style of every model; it returns the photograph


def parse_blend(text: str, styles: Sequence[str], strength: float = 1.0) -> NDArray[np.float32]:
    """Turn a style text into a style row.

    Args:
        text: One of the names in `styles`, or pairs `name:weight` joined by commas. The weights
            need not sum to 1.
        styles: Names of the styles of the model.
        strength: Strength of the style in 0..1; the rest goes to style 0, the identity.

    Returns:
        The weights of the styles, float32 of shape [S]; they sum to 1.

    Raises:
        StyleError: A name is unknown or given twice, a weight is missing, negative or not finite,
            all weights are 0, or the strength is outside 0..1.
    """
    if not 0.0 <= strength <= 1.0:
        raise StyleError(f"strength {strength:g} is not in 0..1")
    plain = text in styles or not {",", ":"} & set(text)
    weights: dict[int, float] = {}
    for part in [text] if plain else text.split(","):
        name, weight = (part.strip(), 1.0) if plain else _weighed(part.strip(), text)
        index = style_index(name, styles)
        if index in weights:
            raise StyleError(f"style {name!r} is given twice in {text!r}")
        weights[index] = weight

    total = sum(weights.values())
    if not 0.0 < total < math.inf:
        raise StyleError(f"the weights in {text!r} sum to {total:g}; give at least one above 0")
    row = np.zeros(len(styles))
    for index, weight in weights.items():
        row[index] = strength * (weight / total)
    row[IDENTITY] += 1.0 - strength
    return row.astype(np.float32)


def style_index(name: str, styles: Sequence[str]) -> int:
    """Return the position of `name` in `styles`.

    Raises:
        StyleError: There is no such style; the message suggests similar names.
    """
    if name in styles:
        return list(styles).index(name)
    near = difflib.get_close_matches(name, styles, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(styles)}"
    raise StyleError(f"no style is named {name!r}; {hint}")


def _weighed(part: str, text: str) -> tuple[str, float]:
    """Split `part` of the blend `text`, such as `udnie:0.4`, into name and weight."""
    name, colon, number = (piece.strip() for piece in part.rpartition(":"))
    if not colon:
        raise StyleError(f"{part!r} in the blend {text!r} has no weight; write it as {part}:0.5")
    try:
        weight = float(number)
    except ValueError:
        raise StyleError(f"weight {number!r} of style {name!r} is not a number") from None
    if not 0.0 <= weight < math.inf:
        raise StyleError(f"weight {number} of style {name!r} is not a finite number of 0 or more")
    return name, weight

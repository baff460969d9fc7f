"""Masks of any size and content, and texts that may name one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from styletransfer.errors import MaskError, StyleError, one_line
from styletransfer.inference.masks import parse_masks, weight_maps
from tests.styletransfer.tiny_model import STYLES


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    shapes=st.lists(
        st.none() | st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=4
    ),
    size=st.tuples(st.integers(1, 130), st.integers(1, 130)),
    seed=st.integers(0, 99),
)
def test_the_weights_of_any_masks_sum_to_255(
    shapes: list[tuple[int, int] | None], size: tuple[int, int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    levels = np.array([0, 1, 127, 254, 255], np.uint8)
    masks = [None if s is None else levels[random.integers(0, 5, s)] for s in shapes]
    first = shapes.index(None) if None in shapes else len(shapes)  # there is at most one rest
    masks = [mask for place, mask in enumerate(masks) if mask is not None or place == first]
    maps = weight_maps(masks, *size)
    assert len(maps) == len(masks) + 1
    assert all(plane.dtype == np.uint8 and plane.shape == size for plane in maps)
    assert (np.sum(maps, axis=0, dtype=int) == 255).all()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.text(max_size=20) | st.from_regex(r"[a-z./]{0,4}=?(udnie|rest|[a-z]{0,3})", fullmatch=True)
)
def test_any_text_is_a_mask_or_one_line(text: str) -> None:
    try:
        (region,) = parse_masks([text], STYLES)
    except (MaskError, StyleError) as error:
        assert "\n" not in one_line(str(error))
        return
    assert region.style in STYLES

"""Names of styles: whatever is accepted can be given to every option that takes a style."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styletransfer.errors import StyleError
from styletransfer.inference.blend import parse_blend
from styletransfer.inference.masks import parse_masks
from styletransfer.style_names import check_style_name


@pytest.mark.parametrize(
    "name",
    ["each", "random", "identity", "rest", "a,b", "a:b", "a/b", "a\\b", "a=b", "", " ", " a", "a ",
     ".", "..", "a\nb", "a\x1b[31m"],
)  # fmt: skip
def test_names_that_the_options_use_are_refused(name: str) -> None:
    with pytest.raises(StyleError):
        check_style_name(name)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=12))
def test_a_name_that_is_accepted_is_understood_everywhere(name: str) -> None:
    try:
        check_style_name(name)
    except StyleError:
        return
    styles = ("identity", name)
    np.testing.assert_array_equal(parse_blend(name, styles), [0, 1])
    np.testing.assert_array_equal(parse_blend(f"{name}:1,identity:3", styles), [0.75, 0.25])
    with_mask = parse_masks([f"rest={name}"], styles)
    assert [(region.mask, region.style) for region in with_mask] == [(None, name)]
    assert Path("folder", f"{name}.png").parent == Path("folder")

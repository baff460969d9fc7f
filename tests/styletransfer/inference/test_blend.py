"""Style texts become rows of weights, or an error of one line."""

import subprocess
import sys

import numpy as np
import pytest

from styletransfer.inference.blend import StyleError, parse_blend

STYLES = ["identity", "the_scream", "udnie", "starry_night"]


@pytest.mark.parametrize(
    ("text", "strength", "row"),
    [
        ("the_scream", 1.0, [0, 1, 0, 0]),
        ("identity", 1.0, [1, 0, 0, 0]),
        ("the_scream:0.6,udnie:0.4", 1.0, [0, 0.6, 0.4, 0]),
        ("udnie:1, the_scream:3", 1.0, [0, 0.75, 0.25, 0]),
        ("udnie:7", 1.0, [0, 0, 1, 0]),
        ("udnie:0,starry_night:2", 1.0, [0, 0, 0, 1]),
        ("the_scream", 0.25, [0.75, 0.25, 0, 0]),
        ("the_scream:1,udnie:1", 0.5, [0.5, 0.25, 0.25, 0]),
        ("identity:1,udnie:1", 0.5, [0.75, 0, 0.25, 0]),
        ("udnie", 0.0, [1, 0, 0, 0]),
    ],
)
def test_row_of_weights(text: str, strength: float, row: list[float]) -> None:
    weights = parse_blend(text, STYLES, strength)
    assert weights.dtype == np.float32
    assert weights.shape == (4,)
    np.testing.assert_allclose(weights, row, atol=1e-7)
    assert weights.sum() == pytest.approx(1)


def test_a_name_may_hold_the_signs_of_a_blend() -> None:
    np.testing.assert_array_equal(parse_blend("a:1,b", ["identity", "a:1,b"]), [0, 1])
    np.testing.assert_array_equal(parse_blend("x:y:2", ["identity", "x:y"]), [0, 1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("the_scram", "did you mean the_scream?"),
        ("Udnie:1,the_scream:2", "did you mean udnie?"),
        ("qqqqqqq", "there are identity, the_scream, udnie, starry_night"),
        ("", "no style is named ''"),
        ("udnie:1,", "'' in the blend 'udnie:1,' has no weight"),
        ("the_scream,udnie", "write it as the_scream:0.5"),
        ("udnie:-1,the_scream:3", "weight -1 of style 'udnie'"),
        ("udnie:nan", "weight nan of style 'udnie'"),
        ("udnie:inf", "weight inf of style 'udnie'"),
        ("udnie:much", "weight 'much' of style 'udnie' is not a number"),
        ("udnie:", "weight '' of style 'udnie' is not a number"),
        ("udnie:0,the_scream:0", "sum to 0"),
        ("udnie:1e308,the_scream:1e308", "sum to inf"),
        ("udnie:1,udnie:2", "'udnie' is given twice"),
    ],
)
def test_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(StyleError) as refusal:
        parse_blend(text, STYLES)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("strength", [-0.01, 1.01, float("nan"), float("inf")])
def test_strength_outside_its_range(strength: float) -> None:
    with pytest.raises(StyleError, match=r"strength .* is not in 0\.\.1"):
        parse_blend("udnie", STYLES, strength)


def test_needs_no_runtime() -> None:
    code = (
        "import sys, styletransfer.inference.blend\n"
        "sys.exit(any(name in sys.modules for name in ('onnxruntime', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

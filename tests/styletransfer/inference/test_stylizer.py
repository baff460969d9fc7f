"""The Stylizer computes what the model says, whatever the size, the batch or the thread."""

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styletransfer.errors import ModelError, StyleError
from styletransfer.images import Array, Picture, Pixels
from styletransfer.inference import Stylizer
from tests.styletransfer.tiny_model import STYLES, expected, tiny_model


@pytest.fixture(scope="module")
def stylizer(tmp_path_factory: pytest.TempPathFactory) -> Stylizer:
    return Stylizer(tiny_model(tmp_path_factory.mktemp("model") / "m.onnx"), threads=1)


def batch(count: int, height: int = 5, width: int = 7, seed: int = 0) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    weights = random.dirichlet(np.ones(len(STYLES)), count).astype(np.float32)
    return random.random((count, 3, height, width), np.float32), weights


def picture(height: int, width: int, alpha: bool = False) -> Picture:
    random = np.random.default_rng(1)
    rgb = random.integers(0, 256, (height, width, 3), np.uint8)
    return Picture(rgb, random.integers(0, 256, (height, width), np.uint8) if alpha else None, ())


def test_says_what_it_is(stylizer: Stylizer) -> None:
    assert stylizer.styles == STYLES
    assert stylizer.network == "tiny"
    assert stylizer.receptive_field == 1
    assert stylizer.trained_on == "nothing"


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 7), (33, 2)])
def test_a_batch_in_which_every_image_has_its_own_style(
    stylizer: Stylizer, size: tuple[int, int]
) -> None:
    images, weights = batch(3, *size)
    stylized = stylizer.stylize_tensor(images, weights)
    assert stylized.dtype == np.float32
    np.testing.assert_allclose(stylized, expected(images, weights), atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (6, 11)])
def test_a_picture_by_formula(stylizer: Stylizer, size: tuple[int, int]) -> None:
    photo = picture(*size)
    stylized = stylizer(photo, "udnie")  # the negative
    np.testing.assert_array_equal(stylized.rgb, 255 - photo.rgb)
    assert stylized.alpha is None


def test_strength_goes_from_the_photograph_to_the_style(stylizer: Stylizer) -> None:
    photo = picture(4, 4)
    np.testing.assert_array_equal(stylizer(photo, "udnie", 0.0).rgb, photo.rgb)
    half = stylizer(photo, "udnie", 0.5).rgb.astype(int)  # half way to the negative is gray
    assert abs(half - 127.5).max() <= 0.5
    quarter = stylizer(photo, "udnie", 0.25).rgb.astype(float)
    np.testing.assert_allclose(quarter, photo.rgb * 0.5 + 0.25 * 255, atol=0.51)


def test_alpha_and_notes_are_carried_over(stylizer: Stylizer) -> None:
    photo = picture(3, 5, alpha=True)
    photo = Picture(photo.rgb, photo.alpha, ("animated",))
    stylized = stylizer(photo, "the_scream")
    assert stylized.alpha is not None
    np.testing.assert_array_equal(stylized.alpha, photo.alpha)
    assert stylized.notes == ("animated",)
    assert not np.array_equal(stylized.rgb, photo.rgb)


def test_threads_share_one_stylizer(stylizer: Stylizer) -> None:
    batches = [batch(2, 20 + seed, 31, seed) for seed in range(40)]
    alone = [stylizer.stylize_tensor(*each) for each in batches]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda each: stylizer.stylize_tensor(*each), batches))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((1, 3, 4, 4)), "float32, not float64"),
        (np.zeros((1, 3, 4, 4), np.uint8), "float32, not uint8"),
        (np.zeros((3, 4, 4), np.float32), "N×3×H×W, none of them 0, not 3×4×4"),
        (np.zeros((1, 4, 4, 3), np.float32), "not 1×4×4×3"),
        (np.zeros((1, 3, 0, 4), np.float32), "not 1×3×0×4"),
        (np.float32(0), "not a scalar"),
        (np.full((1, 3, 4, 4), 255, np.float32), r"must lie in 0\.\.1, not 255\.\.255"),
        (np.full((1, 3, 4, 4), -0.1, np.float32), r"must lie in 0\.\.1"),
        (np.full((1, 3, 4, 4), np.nan, np.float32), r"must lie in 0\.\.1"),
    ],
)
def test_refuses_other_images(stylizer: Stylizer, images: Array, said: str) -> None:
    weights = np.array([[1, 0, 0, 0]], np.float32)
    with pytest.raises(ValueError, match=said):
        stylizer.stylize_tensor(images, weights)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (np.array([[1, 0, 0, 0]]), "float32, not int64"),
        (np.array([[1, 0, 0]], np.float32), "weights must be 1×4, .* not 1×3"),
        (np.array([1, 0, 0, 0], np.float32), "weights must be 1×4, .* not 4"),
        (np.array([[1, 0, 0, 0]] * 2, np.float32), "weights must be 1×4, .* not 2×4"),
        (np.array([[0.5, 0, 0, 0]], np.float32), "sum to 1"),
        (np.array([[2, -1, 0, 0]], np.float32), "numbers of 0 or more"),
        (np.array([[np.nan, 1, 0, 0]], np.float32), "numbers of 0 or more"),
    ],
)
def test_refuses_other_weights(stylizer: Stylizer, weights: Array, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        stylizer.stylize_tensor(np.zeros((1, 3, 4, 4), np.float32), weights)


def test_refuses_an_unknown_style_and_other_models(stylizer: Stylizer, tmp_path: Path) -> None:
    with pytest.raises(StyleError, match="did you mean udnie"):
        stylizer(picture(2, 2), "udni")
    with pytest.raises(ModelError, match="no such model file"):
        Stylizer(tmp_path / "none.onnx")
    with pytest.raises(ValueError, match="threads must be 1 or more"):
        Stylizer(tiny_model(tmp_path / "m.onnx"), threads=0)


class TestKindsOfPictures:
    """Each kind of picture comes back as the same kind; `udnie` makes the negative."""

    @pytest.fixture
    def rgb(self) -> Pixels:
        return picture(6, 9).rgb

    def test_an_array(self, stylizer: Stylizer, rgb: Pixels) -> None:
        np.testing.assert_array_equal(stylizer(rgb, "udnie"), 255 - rgb)
        flipped = rgb[:, ::-1]  # not contiguous
        np.testing.assert_array_equal(stylizer(flipped, "udnie"), 255 - flipped)

    def test_a_pil_image(self, stylizer: Stylizer, rgb: Pixels) -> None:
        painted = stylizer(Image.fromarray(rgb), "udnie")
        assert painted.mode == "RGB"
        np.testing.assert_array_equal(painted, 255 - rgb)

    def test_a_pil_image_keeps_alpha_and_info(self, stylizer: Stylizer, rgb: Pixels) -> None:
        image = Image.fromarray(np.dstack([rgb, rgb[..., 0]]))
        image.info["icc_profile"] = b"profile"
        painted = stylizer(image, "udnie")
        np.testing.assert_array_equal(painted, np.dstack([255 - rgb, rgb[..., 0]]))
        assert painted.info == {"icc_profile": b"profile"}

    @pytest.mark.parametrize("mode", ["L", "P", "CMYK", "LA"])
    def test_a_pil_image_of_another_mode(self, stylizer: Stylizer, rgb: Pixels, mode: str) -> None:
        image = Image.fromarray(rgb).convert(mode)
        painted = stylizer(image, "udnie")
        np.testing.assert_array_equal(
            np.asarray(painted)[..., :3], 255 - np.asarray(image.convert("RGB"))
        )
        assert painted.mode == ("RGBA" if mode == "LA" else "RGB")

    @pytest.mark.parametrize("kind", [str, Path])
    def test_a_path(self, stylizer: Stylizer, rgb: Pixels, tmp_path: Path, kind: type) -> None:
        Image.fromarray(np.dstack([rgb, rgb[..., 1]])).save(tmp_path / "a.png")
        painted = stylizer(kind(tmp_path / "a.png"), "udnie", 1.0)
        assert (painted.mode, painted.size) == ("RGBA", (9, 6))
        np.testing.assert_array_equal(np.asarray(painted)[..., 3], rgb[..., 1])
        opaque = rgb[..., 1] == 255
        np.testing.assert_array_equal(np.asarray(painted)[opaque, :3], 255 - rgb[opaque])

    @pytest.mark.parametrize(
        "array", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))]
    )
    def test_other_arrays_are_refused(self, stylizer: Stylizer, array: np.ndarray) -> None:
        with pytest.raises(ValueError, match="H×W×3 of uint8, not 4×4"):
            stylizer(array, "udnie")


def test_a_process_pool(stylizer: Stylizer) -> None:
    photos = [picture(5, 6 + width).rgb for width in range(4)]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        painted = list(pool.map(stylizer, photos, ["udnie"] * 4))
    for photo, result in zip(photos, painted, strict=True):
        np.testing.assert_array_equal(result, 255 - photo)


def test_a_pickled_stylizer_is_opened_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_model(tmp_path / "m.onnx")
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(Stylizer("m.onnx", threads=1, provider="cpu"))
    assert len(pickled) < 1000
    monkeypatch.chdir("/")
    copy = pickle.loads(pickled)
    assert (copy.styles, copy.provider, copy._threads) == (STYLES, "cpu", 1)

"""Files of every kind, made here, against pixels worked out independently."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styletransfer.errors import ImageError
from styletransfer.images import Picture, read_image, write_image
from tests.styletransfer.images.samples import COLORS, assert_near, noise


def test_rgb_is_read_exactly_and_owned(tmp_path: Path) -> None:
    Image.fromarray(COLORS).save(tmp_path / "a.png")
    picture = read_image(str(tmp_path / "a.png"))
    assert np.array_equal(picture.rgb, COLORS)
    assert picture.rgb.dtype == np.uint8 and picture.rgb.flags.c_contiguous
    assert picture.rgb.flags.writeable
    assert picture.alpha is None and picture.notes == ()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".bmp", ".ppm", ".jp2", ".gif"])
def test_lossless_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    options = {".webp": {"lossless": True}, ".jp2": {"irreversible": False}}.get(suffix, {})
    Image.fromarray(COLORS).save(path, **options)
    assert np.array_equal(read_image(path).rgb, COLORS)


def test_format_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    Image.fromarray(COLORS).save(tmp_path / "a.jpg", "PNG")
    assert np.array_equal(read_image(tmp_path / "a.jpg").rgb, COLORS)


def test_avif(tmp_path: Path) -> None:
    Image.new("RGB", (16, 8), (200, 100, 50)).save(tmp_path / "a.avif", quality=100)
    picture = read_image(tmp_path / "a.avif")
    assert picture.rgb.shape == (8, 16, 3)
    assert_near(picture.rgb, (200, 100, 50), 3)


@pytest.mark.parametrize("suffix", [".tif", ".bmp", ".ppm", ".png", ".gif", ".jpg", ".webp"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "P", "1", "I;16"])
@pytest.mark.parametrize("here", ["elsewhere", "same folder"])
def test_a_file_of_the_same_name_in_the_current_folder_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, suffix: str, here: str
) -> None:
    name, there = f"x{suffix}", tmp_path / "there"
    there.mkdir()
    wanted = Image.fromarray(noise(40, 30, seed=1))
    wanted = wanted.convert("I").convert("I;16") if mode == "I;16" else wanted.convert(mode)
    other = Image.new(wanted.mode, wanted.size)
    try:
        wanted.save(there / name)
        other.save(tmp_path / name)
    except (OSError, ValueError):
        pytest.skip(f"Pillow writes no {mode} to {suffix}")
    monkeypatch.chdir("/")
    expected = read_image(there / name)
    monkeypatch.chdir(tmp_path if here == "elsewhere" else there)
    actual = read_image(there / name)
    assert np.array_equal(actual.rgb, expected.rgb)
    assert actual.rgb.std() > 0


UPRIGHT = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
STORED = {  # how a camera stores UPRIGHT, by the meaning of row 0 and column 0 in the EXIF standard
    1: UPRIGHT,
    2: np.fliplr(UPRIGHT),
    3: np.rot90(UPRIGHT, 2),
    4: np.flipud(UPRIGHT),
    5: UPRIGHT.T,
    6: np.rot90(UPRIGHT, 1),
    7: np.rot90(UPRIGHT, 2).T,
    8: np.rot90(UPRIGHT, -1),
}


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: int, suffix: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a{suffix}"
    stored = np.dstack([STORED[orientation]] * 3)
    Image.fromarray(stored).save(
        path, exif=exif, **({"lossless": True} if suffix == ".webp" else {})
    )
    assert np.array_equal(read_image(path).rgb[..., 0], UPRIGHT)
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(read_image(path.name).rgb[..., 0], UPRIGHT)
    assert read_image(path, short_side=4).rgb.shape == (4, 6, 3)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK"])
def test_exif_orientation_of_what_pillow_could_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.dstack([UPRIGHT] * 3)).convert(mode).save(tmp_path / "upright.tif")
    stored = Image.fromarray(np.dstack([STORED[orientation]] * 3)).convert(mode)
    stored.save(tmp_path / "a.tif", exif=exif)
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(read_image("a.tif").rgb, read_image("upright.tif").rgb)


def test_orientation_of_a_jpeg_with_size_and_alpha_of_a_png(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.zeros((64, 128, 3), np.uint8)
    stored[:, :64] = 255  # the left of the stored picture is the top of the upright one
    Image.fromarray(stored).save(tmp_path / "a.jpg", exif=exif, quality=95)
    rgb = read_image(tmp_path / "a.jpg", short_side=16).rgb
    assert rgb.shape == (32, 16, 3)
    assert rgb[:12].min() > 240 and rgb[20:].max() < 15
    rgba = noise(2, 3, 4)
    Image.fromarray(rgba).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.png").alpha, np.rot90(rgba[..., 3], -1))


def test_broken_exif_does_not_lose_the_picture(tmp_path: Path) -> None:
    Image.fromarray(COLORS).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff")
    picture = read_image(tmp_path / "a.png")
    assert np.array_equal(picture.rgb, COLORS)
    assert picture.notes == ("unreadable EXIF data: the picture may not be upright",)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((1, 1), None, (1, 1)),
        ((1, 1), 7, (7, 7)),
        ((3, 5000), None, (3, 5000)),
        ((3, 5000), 1, (1, 1667)),
        ((3, 5000), 6, (6, 10000)),
        ((100, 67), 50, (75, 50)),
        ((64, 64), 64, (64, 64)),
    ],
)
def test_sizes(
    tmp_path: Path, shape: tuple[int, int], size: int | None, expected: tuple[int, int]
) -> None:
    Image.new("RGB", shape[::-1], (9, 90, 200)).save(tmp_path / "a.png")
    rgb = read_image(tmp_path / "a.png", short_side=size).rgb
    assert rgb.shape == (*expected, 3)
    assert_near(rgb, (9, 90, 200))


def test_shrinking_averages(tmp_path: Path) -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).save(tmp_path / "a.png")
    assert_near(read_image(tmp_path / "a.png", short_side=16).rgb[2:-2, 2:-2], 127.5, 3)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 31, 32, 63, 65, 100, 128, 200])
def test_jpeg_is_decoded_small_but_never_below_the_target(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import JpegImagePlugin

    decoded = []
    load_end = JpegImagePlugin.JpegImageFile.load_end
    monkeypatch.setattr(
        JpegImagePlugin.JpegImageFile,
        "load_end",
        lambda image: (decoded.append(min(image.size)), load_end(image)),
    )
    ramp = np.tile(np.linspace(0, 255, 192).round().astype(np.uint8), (128, 1))
    Image.fromarray(ramp).save(tmp_path / "a.jpg", quality=98)
    rgb = read_image(tmp_path / "a.jpg", short_side=size).rgb
    assert rgb.shape == (size, round(192 * size / 128), 3)
    assert min(size, 128) <= decoded[0] <= max(2 * size, 16)
    if size > 16:
        columns = (np.arange(rgb.shape[1]) + 0.5) / rgb.shape[1] * 192 - 0.5
        assert_near(rgb[size // 2, 4:-4, 0], (columns * 255 / 191)[4:-4], 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("shape", [(64, 64), (40, 90), (131, 70), (300, 257), (16, 5)])
def test_crop_is_the_middle_of_the_resized_picture(
    tmp_path: Path, shape: tuple[int, int], suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    # Far from 0 and 255: Pillow may scale the columns first or the rows, and clips in between.
    smooth = Image.fromarray(64 + noise(5, 6, 4) // 2).resize(shape[::-1])
    rgb, alpha = np.asarray(smooth.convert("RGB")), 128 + np.asarray(smooth)[..., 3] // 2
    write_image(path, Picture(rgb, alpha, ()))
    whole, part = (read_image(path, short_side=32, crop=crop) for crop in (False, True))
    height, width = whole.rgb.shape[:2]
    top, left = (height - 32) // 2, (width - 32) // 2
    middle = np.s_[top : top + 32, left : left + 32]
    assert_near(part.rgb, whole.rgb[middle], 4)  # rounded twice, and divided by alpha
    if suffix == ".png":
        assert part.alpha is not None and whole.alpha is not None
        assert_near(part.alpha, whole.alpha[middle])


def test_a_crop_of_a_long_picture_is_within_the_limit(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 3)).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="over the limit"):
        read_image(tmp_path / "a.png", short_side=60, max_pixels=10_000)
    assert (
        read_image(tmp_path / "a.png", short_side=60, crop=True, max_pixels=10_000).rgb.size
        == 10_800
    )


def test_size_below_one_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        read_image(tmp_path / "a.png", short_side=0)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_first_frame_of_many(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (4, 3), color) for color in ("#ff0000", "#00ff00", "#0000ff")]
    options = {".webp": {"lossless": True}}.get(suffix, {})
    path = tmp_path / f"a{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    picture = read_image(path)
    assert np.array_equal(picture.rgb, np.full((3, 4, 3), (255, 0, 0)))
    kind = "3 pictures in one file" if suffix == ".tif" else "animated, 3 frames"
    assert picture.notes == (f"{kind}: only the first is used",)


def test_two_pictures_of_a_phone_in_one_jpeg(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (64, 48), color) for color in ("#c86432", "#0000ff")]
    frames[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=frames[1:])
    for size, shape in ((None, (48, 64, 3)), (12, (12, 16, 3))):
        picture = read_image(tmp_path / "a.jpg", short_side=size)
        assert picture.rgb.shape == shape
        assert_near(picture.rgb, (200, 100, 50), 3)
        assert picture.notes == ("2 pictures in one file: only the first is used",)


def test_animated_gif_with_transparency(tmp_path: Path) -> None:
    pixels = np.array([[[255, 0, 0, 255], [0, 0, 255, 255], [0, 0, 0, 0]]], np.uint8)
    frame = Image.fromarray(pixels)
    frame.save(tmp_path / "a.gif", save_all=True, append_images=[frame.rotate(180)])
    picture = read_image(tmp_path / "a.gif")
    assert picture.alpha is not None and picture.alpha[0].tolist() == [255, 255, 0]
    assert np.array_equal(picture.rgb[0, :2], pixels[0, :2, :3])
    assert picture.notes == ("animated, 2 frames: only the first is used",)

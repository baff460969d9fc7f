"""Films of every kind are read as sRGB frames of one size, with times that grow."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from styletransfer.errors import FilmError
from styletransfer.video.opening import open_film
from styletransfer.video.source import Film, Frame
from styletransfer.video.wide import to_srgb
from tests.styletransfer.video.films import Frames, copied, pan, texture, write_film

COLORS = [(200, 30, 40), (20, 180, 60), (30, 50, 210), (240, 240, 240), (16, 16, 16)]
FLAT = [np.full((64, 96, 3), color, np.uint8) for color in COLORS]


def read(path: Path) -> tuple[Film, list[Frame]]:
    film = open_film(path)
    return film, list(film.frames())


def worst(frames: list[Frame], expected: Frames) -> float:
    """The greatest mean difference of a frame, in levels."""
    pairs = zip(frames, expected, strict=True)
    return max(float(np.abs(frame.rgb.astype(int) - other).mean()) for frame, other in pairs)


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [
        ("ten.mkv", "libx265", "yuv420p10le"),
        ("prores.mov", "prores_ks", "yuv422p10le"),
        ("animation.mov", "qtrle", "rgb24"),
        ("animation.apng", "apng", "rgb24"),
        ("lossless.mkv", "ffv1", "bgr0"),
    ],
)
def test_colors_of_each_kind(name: str, codec: str, form: str, tmp_path: Path) -> None:
    film, found = read(write_film(tmp_path / name, FLAT, codec=codec, form=form))
    assert (film.width, film.height, film.rate) == (96, 64, 25)
    for frame, pixels in zip(found, FLAT, strict=True):
        assert np.abs(frame.rgb.astype(int) - pixels).max() <= 2
    assert [float(frame.pts * film.time_base) for frame in found] == pytest.approx(
        [0, 0.04, 0.08, 0.12, 0.16], abs=1e-3
    )


@pytest.mark.parametrize("kind", ["png", "gif", "webp"])
def test_transparent_pixels_are_white(kind: str, tmp_path: Path) -> None:
    frames = []
    for pixels in FLAT:
        rgba = np.dstack([pixels, np.full((64, 96), 255, np.uint8)])
        rgba[:20, :, 3] = 0
        frames.append(Image.fromarray(rgba))
    path = tmp_path / f"clear.{kind}"
    words = {"lossless": True} if kind == "webp" else {"disposal": 2}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, **words)
    _, found = read(path)
    assert len(found) == len(FLAT)
    for frame, pixels in zip(found, FLAT, strict=True):
        assert frame.rgb[:20].min() >= 250
        assert np.abs(frame.rgb[20:].astype(int) - pixels[20:]).max() <= 2


@pytest.mark.parametrize(("aspect", "width"), [(Fraction(4, 3), 128), (Fraction(8, 9), 85)])
def test_pixels_become_square(aspect: Fraction, width: int, tmp_path: Path) -> None:
    wide = texture(64, 96)
    source = write_film(tmp_path / "wide.mp4", [wide, wide], aspect=aspect)
    with av.open(str(source)) as opened:
        shown = opened.streams.video[0].display_aspect_ratio
    film, found = read(source)
    assert (film.width, film.height) == (width, 64)
    assert film.width / film.height == pytest.approx(float(shown), abs=1 / 64)
    assert worst(found, [cv2.resize(wide, (width, 64), interpolation=cv2.INTER_LINEAR)] * 2) < 4


def test_sizes_that_change_midway_are_scaled_to_the_first(tmp_path: Path) -> None:
    frames = pan(8)
    jpegs = [cv2.imencode(".jpg", frame[..., ::-1])[1].tobytes() for frame in frames]
    small = [cv2.resize(frame, (64, 48), interpolation=cv2.INTER_AREA) for frame in frames]
    halves = [cv2.imencode(".jpg", frame[..., ::-1])[1].tobytes() for frame in small]
    source = write_film(tmp_path / "in.mkv", frames, codec="mjpeg", form="yuvj420p", full=True)
    source = copied(source, tmp_path / "sizes.mkv", lambda n, _: jpegs[n] if n < 4 else halves[n])
    film, found = read(source)
    assert (film.width, film.height) == (128, 96)
    assert worst(found, frames) < 6


def test_broken_packets_are_skipped_and_counted(tmp_path: Path) -> None:
    frames = pan(30)
    source = write_film(tmp_path / "in.mkv", frames, codec="mpeg4")
    broken = (11, 17)
    source = copied(
        source, tmp_path / "broken.mkv", lambda n, whole: b"\xff" * 40 if n in broken else whole
    )
    film, found = read(source)
    assert film.skipped == len(broken)
    assert len(found) == len(frames) - len(broken)
    np.testing.assert_array_equal(found[-1].rgb, read(tmp_path / "in.mkv")[1][-1].rgb)


def test_a_film_that_breaks_off_ends_there(tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mkv", pan(30), codec="mjpeg", form="yuvj420p", full=True)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    _, found = read(source)
    assert 15 <= len(found) <= 20


def test_joined_recordings_go_on(tmp_path: Path) -> None:
    """Each recording of an MPEG stream begins its clock anew; it need not begin at 0."""
    frames = pan(60)
    parts = [
        write_film(tmp_path / f"{first}.ts", frames[first : first + 30], sound="aac")
        for first in (0, 30)
    ]
    source = tmp_path / "joined.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    film, found = read(source)
    assert film.skipped == 0
    times = [float(frame.pts * film.time_base) for frame in found]
    assert times == pytest.approx([0.04 * number for number in range(60)], abs=0.02)
    assert worst(found, frames) < 6
    half = list(film.frames(found[40].pts))
    assert [frame.pts for frame in half] == [frame.pts for frame in found[40:]]


def test_a_cover_picture_is_no_film(tmp_path: Path) -> None:
    cover = tmp_path / "cover.jpg"
    Image.fromarray(texture(300, 300)).save(cover)
    source = write_film(tmp_path / "in.mkv", pan(3), sound="aac")
    with_cover, song = tmp_path / "cover.mp4", tmp_path / "song.m4a"
    for path, kinds in ((with_cover, ("video", "audio")), (song, ("audio",))):
        _with_cover(path, cover, source, kinds)
    film, found = read(with_cover)
    assert (film.width, film.height, len(found)) == (128, 96, 3)
    with pytest.raises(FilmError, match="no video stream"):
        open_film(song)


def _with_cover(path: Path, cover: Path, source: Path, kinds: tuple[str, ...]) -> None:
    with av.open(str(path), "w", format="mp4") as film, av.open(str(source)) as read:
        picture = film.add_stream("mjpeg")
        picture.width, picture.height, picture.pix_fmt = 300, 300, "yuvj420p"
        picture.disposition = av.stream.Disposition.attached_pic
        copies = {
            stream.index: film.add_stream_from_template(stream)
            for stream in read.streams
            if stream.type in kinds
        }
        packet = av.Packet(cover.read_bytes())
        packet.stream, packet.pts, packet.dts = picture, 0, 0
        packet.time_base = Fraction(1, 90000)
        film.mux(packet)
        for packet in read.demux():
            if packet.size and packet.stream.index in copies:
                packet.stream = copies[packet.stream.index]
                film.mux(packet)


def test_hdr_is_tone_mapped(tmp_path: Path) -> None:
    """Grays whose light is tabulated in ITU-R BT.2408, and the tone curve by hand."""
    codes = {16: {0.5081: 100, 0.5807: 203, 0.7518: 1000}, 18: {0.75: 203, 1.0: 1000}}
    for transfer, lights in codes.items():
        for code, light in {0.0: 0, **lights}.items():
            x, peak = light / 203, 1000 / 203
            linear = x * (1 + x / peak**2) / (1 + x)
            expected = 12.92 * linear if linear < 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
            gray = to_srgb(np.full((1, 3), code), transfer, 9)
            np.testing.assert_allclose(gray, expected, atol=0.003)
        grays = [(level,) * 3 for level in (0, 60, 120, 150, 190, 255)]
        formula = 255 * to_srgb(np.array(grays) / 255, transfer, 9)
        assert np.abs(_shown(grays, transfer, tmp_path) - formula).max() <= 2


def test_bt2020_colors_follow_the_formula(tmp_path: Path) -> None:
    colors = [(150, 100, 90), (110, 140, 110), (100, 110, 160), (235, 235, 235), (60, 60, 60)]
    # ITU-R BT.2087, in the light of a display of BT.1886.
    to_709 = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    light = (np.array(colors) / 255) ** 2.4 @ np.array(to_709).T
    assert np.abs(_shown(colors, 14, tmp_path) - 255 * light ** (1 / 2.4)).max() <= 2


def _shown(colors: list[tuple[int, ...]], transfer: int, folder: Path) -> np.ndarray:
    """The color of each frame of a film of BT.2020, with a curve of this number."""
    source = write_film(
        folder / "wide.mkv",
        [np.full((64, 96, 3), color, np.uint8) for color in colors],
        codec="libx265",
        form="yuv420p10le",
        matrix=9,
        transfer=transfer,
        primaries=9,
    )
    return np.array([frame.rgb[32, 48].astype(int) for frame in read(source)[1]])

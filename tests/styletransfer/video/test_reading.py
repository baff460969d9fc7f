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


@pytest.mark.parametrize(("transfer", "primaries"), [(16, 9), (18, 9), (14, 9), (16, 1)])
def test_hdr_is_refused_in_one_line(transfer: int, primaries: int, tmp_path: Path) -> None:
    wide = {"matrix": 9, "transfer": transfer, "primaries": primaries}
    path = tmp_path / "hdr.mkv"
    source = write_film(path, FLAT, codec="libx265", form="yuv420p10le", **wide)
    with pytest.raises(FilmError, match="SDR") as caught:
        open_film(source)
    assert "\n" not in str(caught.value)

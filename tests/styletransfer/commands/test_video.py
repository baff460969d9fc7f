"""`styletransfer video`: films in and out, what is kept, what is refused, and going on."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from styletransfer.video import FilmOptions, stylize_film
from tests.styletransfer.commands.film_calls import done, refused
from tests.styletransfer.video.films import copied, packets, pan, read_film, texture, write_film


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm", "gif", "webp"])
def test_identity_keeps_frames_and_times(suffix: str, model: Path, tmp_path: Path) -> None:
    frames = pan(6)
    times = [0, 40, 90, 120, 200, 230]
    source = write_film(tmp_path / "vfr.mkv", frames, times)
    out = tmp_path / f"out.{suffix}"
    done(source, "-o", out, "--style", "identity", "--model", model)
    if suffix == "webp":
        with Image.open(out) as image:
            assert image.n_frames == len(frames)
        return
    painted, shown = read_film(out)
    assert len(painted) == len(frames)
    exact = [round(time / 10) / 100 if suffix == "gif" else time / 1000 for time in times]
    assert shown == pytest.approx(exact, abs=1e-4)
    pairs = zip(painted, read_film(source)[0], strict=True)
    differences = [np.abs(after.astype(int) - before).mean() for after, before in pairs]
    assert max(differences) < (12 if suffix == "gif" else 5)


@pytest.mark.parametrize("matrix", [1, 5])
@pytest.mark.parametrize("full", [False, True])
def test_identity_keeps_colors(matrix: int, full: bool, model: Path, tmp_path: Path) -> None:
    colors = [(200, 30, 40), (20, 180, 60), (30, 50, 210), (240, 240, 240), (16, 16, 16)]
    flat = [np.full((64, 64, 3), color, np.uint8) for color in colors]
    options = {"matrix": matrix, "full": full, "lossless": True}
    source = write_film(tmp_path / "colors.mkv", flat, **options)
    out = tmp_path / "out.mp4"
    done(source, "-o", out, "--style", "identity", "--model", model, "--crf", "4")
    before, after = _colors(source, matrix, full), _colors(out, matrix, full)
    assert np.abs(after - before).max() <= 2
    assert np.abs(after - colors).max() <= 4  # what YUV of 8 bits costs is in it


def _colors(path: Path, matrix: int, full: bool) -> np.ndarray:
    """The color of each frame; tests that the film says how it is to be read."""
    found = []
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            assert (frame.color_range, frame.colorspace) == (1 + full, 1 if matrix == 1 else 6)
            rgb = frame.reformat(
                format="rgb24", src_colorspace=matrix, src_color_range=1 + full, dst_color_range=2
            )
            found.append(rgb.to_ndarray()[20, 20].astype(int))
    return np.array(found)


def test_sound_and_metadata_are_copied(model: Path, film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    done(film, "-o", out, "--style", "udnie", "--model", model)
    assert packets(out, "audio") == packets(film, "audio")
    with av.open(str(out)) as opened:
        assert opened.metadata["title"] == "A pan"


def test_part_of_a_film(model: Path, film: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    words = ["--start", "0.12", "--end", "0.28s"]
    done(film, "-o", out, "--style", "identity", "--model", model, *words)
    painted, times = read_film(out)
    assert times == pytest.approx([0, 0.04, 0.08, 0.12], abs=1e-3)
    assert np.abs(painted[0].astype(int) - read_film(film)[0][3]).mean() < 5


def test_styles_over_time(model: Path, tmp_path: Path) -> None:
    gray = [np.full((32, 32, 3), 100, np.uint8)] * 5
    source = write_film(tmp_path / "gray.mkv", gray)
    keys = ["--style", "identity@0", "--style", "udnie@0.16"]
    words = ["--stability", 0, "--model", model]
    done(source, "-o", tmp_path / "%d.png", *keys, *words)
    levels = [np.asarray(Image.open(tmp_path / f"{n}.png")).mean() for n in range(1, 6)]
    assert levels == pytest.approx([100, 114, 128, 141, 155], abs=2)


def test_masks_and_frames(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in (1, 2, 10):
        Image.new("RGB", (40, 32), (number, 100, 100)).save(folder / f"f{number}.png")
    mask = np.zeros((32, 40, 3), np.uint8)
    mask[:, 20:] = 255
    moving = write_film(tmp_path / "mask.mkv", [mask, mask, 255 - mask], lossless=True)
    words = ["--mask", f"{moving}=udnie", "--mask", "rest=identity", "--stability", 0]
    done(folder, "-o", tmp_path / "painted", *words, "--model", model)
    painted = [np.asarray(Image.open(tmp_path / "painted" / f"{n:05}.png")) for n in (1, 2, 3)]
    assert [int(picture[16, 5, 0]) for picture in painted] == [1, 2, 245]
    assert [int(picture[16, 35, 0]) for picture in painted] == [254, 253, 10]


def test_preserve_colors_keeps_gray_gray(model: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "gray.mkv", [np.full((32, 32, 3), 90, np.uint8)] * 2)
    words = ["--style", "the_scream", "--preserve-colors", "--model", model]
    done(source, "-o", tmp_path / "%d.png", *words)
    painted = np.asarray(Image.open(tmp_path / "1.png")).astype(int)
    assert np.ptp(painted, axis=2).max() <= 2


@pytest.mark.parametrize("size", [(33, 47), (64, 2)])
def test_odd_sizes_and_one_frame(size: tuple[int, int], model: Path, tmp_path: Path) -> None:
    Image.fromarray(texture(*size)).save(tmp_path / "one.webp", lossless=True)
    out = tmp_path / "out.mp4"
    done(tmp_path / "one.webp", "-o", out, "--style", "identity", "--model", model)
    frames, _ = read_film(out)
    assert [frame.shape[:2] for frame in frames] == [(size[0] // 2 * 2, size[1] // 2 * 2)]


def test_a_rotated_film_is_upright(model: Path, tmp_path: Path) -> None:
    frames = pan(3, 64, 96)
    source = write_film(tmp_path / "in.mp4", frames)
    content = bytearray(source.read_bytes())
    at = content.index(b"tkhd") + 44  # the matrix in a header of version 0
    turned = [0, 1 << 16, 0, -(1 << 16), 0, 0, 64 << 16, 0, 1 << 30]
    content[at : at + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in turned)
    source.write_bytes(content)
    done(source, "-o", tmp_path / "%d.png", "--style", "identity", "--model", model)
    upright = np.asarray(Image.open(tmp_path / "1.png")).astype(int)
    assert upright.shape == (96, 64, 3)
    assert np.abs(upright - np.rot90(frames[0], -1)).mean() < 6


def test_broken_packets_are_counted(model: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mkv", pan(30), codec="mpeg4")
    source = copied(
        source, tmp_path / "broken.mkv", lambda n, whole: bytes(40) if n in (11, 17) else whole
    )
    result = done(source, "-o", tmp_path / "out.mp4", "--style", "identity", "--model", model)
    assert "wrote 28 frames" in result.stdout
    assert "2 broken packets were skipped" in result.stderr
    assert len(read_film(tmp_path / "out.mp4")[0]) == 28


def test_broken_packets_of_every_run_are_counted_once(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("styletransfer.video.film.LENGTH", 7)
    broken = (8, 9, 27)
    source = write_film(tmp_path / "in.mkv", pan(40), codec="mpeg4")
    source = copied(
        source, tmp_path / "broken.mkv", lambda n, whole: bytes(40) if n in broken else whole
    )
    out, options = tmp_path / "out.mp4", FilmOptions(styles=("identity",))

    def stop(done: int, _: int) -> None:
        if done >= 18:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        stylize_film(source, out, options, model=model, advance=stop)
    result = stylize_film(source, out, options, model=model)
    assert (result.frames, result.skipped) == (37, 3)


def test_sound_of_joined_recordings_goes_on(model: Path, tmp_path: Path) -> None:
    parts = [write_film(tmp_path / f"{n}.ts", pan(30), sound="mp2") for n in (1, 2)]
    source, out = tmp_path / "joined.ts", tmp_path / "out.mkv"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    words = ["--style", "identity", "--stability", 0, "--model", model]
    done(source, "-o", out, *words)
    assert packets(out, "audio") == packets(source, "audio")
    with av.open(str(out)) as film:
        times = [
            float(packet.pts * packet.time_base) for packet in film.demux(audio=0) if packet.size
        ]
    assert np.diff(times).max() < 0.05
    assert np.diff(times).min() > 0
    assert times[-1] == pytest.approx(2.4, abs=0.1)


def test_subtitles_and_chapters_are_copied(model: Path, film: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(film)) as read, av.open(str(source), "w") as written:
        copy = written.add_stream_from_template(read.streams.video[0])
        words = written.add_mux_stream("subrip")
        written.set_chapters(
            [{"id": 1, "start": 0, "end": 200, "time_base": Fraction(1, 1000), "metadata": {}}]
        )
        for packet in read.demux(video=0):
            if packet.size:
                packet.stream = copy
                written.mux(packet)
        said = av.Packet(b"Look, a pan!")
        said.pts, said.dts, said.duration, said.time_base = 40, 40, 200, Fraction(1, 1000)
        said.stream = words
        written.mux(said)
    out = tmp_path / "out.mkv"
    done(source, "-o", out, "--style", "identity", "--model", model)
    assert packets(out, "subtitle") == [b"Look, a pan!"]
    with av.open(str(out)) as opened:
        assert [chapter["end"] for chapter in opened.chapters()] == [200 * 10**6]
    left_out = done(source, "-o", tmp_path / "out.mp4", "--style", "identity", "--model", model)
    assert ".mp4 cannot contain subtitles in subrip" in left_out.stderr


def test_refusals(model: Path, film: Path, tmp_path: Path) -> None:
    style = ["--style", "udnie", "--model", model]
    text = tmp_path / "text.mp4"
    text.write_text("no film")
    sound = tmp_path / "sound.mp4"
    with av.open(str(film)) as read, av.open(str(sound), "w") as written:
        copy = written.add_stream_from_template(read.streams.audio[0])
        for packet in read.demux(read.streams.audio[0]):
            if packet.size:
                packet.stream = copy
                written.mux(packet)
    pcm = write_film(tmp_path / "pcm.mkv", pan(3), sound="pcm_s16le")
    out = tmp_path / "out.mp4"
    assert "not a film" in refused(text, "-o", out, *style, status=1)
    assert "no video stream" in refused(sound, "-o", out, *style, status=1)
    assert "is the input" in refused(film, "-o", film, *style, "--overwrite")
    assert "exists already" in refused(film, "-o", text, *style)
    frame = tmp_path / "frames" / "1.png"
    frame.parent.mkdir()
    Image.new("RGB", (32, 32)).save(frame)
    frames = frame.with_name("%d.png")
    assert "1.png exists already" in refused(film, "-o", frames, *style)
    assert "holds the input" in refused(frame.parent, "-o", frames, *style, "--overwrite")
    assert "cannot write" in refused(film, "-o", tmp_path / "out.xyz", *style)
    assert "out.mkv" in refused(pcm, "-o", tmp_path / "out.webm", *style)
    assert "no style is named" in refused(film, "-o", out, "--style", "x", "--model", model)
    assert "has no time" in refused(film, "-o", out, *style, "--style", "the_scream@3")
    assert "is not a time" in refused(film, "-o", out, *style, "--start", "soon")
    assert "not in 0..1" in refused(film, "-o", out, *style, "--stability", 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["frames", "in.mp4", "m.onnx", "pcm.mkv", "sound.mp4", "text.mp4"]
    )

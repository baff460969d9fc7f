"""A bar for a person at a terminal, and what the work takes on disk for everybody."""

import io
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from styletransfer.errors import ScratchError
from styletransfer.inference import Stylizer
from styletransfer.inference.files import PictureOptions, stylize_files, stylize_piped
from styletransfer.inference.tiled import scratch, store
from styletransfer.inference.work import NoBar, progress, report
from tests.assets import shipped
from tests.styletransfer.tiny_model import tiny_model


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stderr", "quiet", "hidden"),
    [(Terminal(), False, False), (Terminal(), True, True), (io.StringIO(), False, True)],
)
def test_where_the_bar_is_shown(
    monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO, quiet: bool, hidden: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress(3, quiet=quiet) as bar:
        assert isinstance(bar, NoBar) is hidden
        bar.update(3)
    assert stderr.getvalue() == ""  # three pictures within two seconds


def test_the_bar_shows_the_rate_of_long_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress(3, quiet=False) as bar:
        bar.start_t -= 4  # as if it had begun four seconds ago
        bar.update(2)
    assert "2/3" in terminal.getvalue()
    assert "2.00s/picture" in terminal.getvalue()


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stderr", [None, closed(), Full()])
def test_without_a_stderr_that_takes_text(
    monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO | None
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress(3, quiet=False) as bar:
        bar.update(3)
    report("a line")
    assert isinstance(bar, NoBar)


PIXELS = np.random.default_rng(0).integers(0, 256, (80, 70, 3), dtype=np.uint8)
WAYS = ("streamed", "scaled", "written as WebP", "from a pipe")


def stylize(way: str, folder: Path) -> int:
    """Stylize a picture in tiles; return how many pictures were written."""
    photo, painted = folder / "a.png", folder / "b.png"
    Image.fromarray(PIXELS).save(photo)
    short_side = 60 if way == "scaled" else None
    painting = PictureOptions(style="udnie", tile="40", short_side=short_side)
    if way == "written as WebP":
        painted = folder / "b.webp"  # a format that libvips is not asked to write
    stylizer = Stylizer(shipped("gallery.onnx"), threads=1)
    if way != "from a pipe":
        return stylize_files(stylizer, [photo], painted, painting).written
    with photo.open("rb") as file:
        stylize_piped(stylizer, file, painted, painting)
    return 1


@pytest.mark.parametrize("way", WAYS)
def test_what_tiles_take_on_disk_is_said_first(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    way: str,
) -> None:
    said, check = list[str](), scratch.check_room
    stored = store.stored_maps

    def tells(size: int) -> str:
        said.append(f"takes {size}")
        check(size)
        return said[-1]

    def begins(*words: object) -> object:
        assert capsys.readouterr().err.count(said[0]) == 1
        return stored(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(scratch, "check_room", tells)
    monkeypatch.setattr("styletransfer.inference.tiled.tiling.stored_maps", begins)
    assert stylize(way, tmp_path) == 1
    first, *reserved = (int(line.removeprefix("takes ")) for line in said)
    assert sum(reserved) <= first <= 1.1 * sum(reserved)


@pytest.mark.parametrize("tile", ["40", "off"])
def test_a_jpeg_without_its_end_is_painted_with_a_note_on_both_paths(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tile: str
) -> None:
    photo = tmp_path / "a.jpg"
    Image.fromarray(PIXELS).save(photo)
    photo.write_bytes(photo.read_bytes()[:-2])
    painting = PictureOptions(style="udnie", tile=tile)
    stylizer = Stylizer(shipped("gallery.onnx"), threads=1)
    assert stylize_files(stylizer, [photo], tmp_path / "b.png", painting).written == 1
    said = capsys.readouterr().err
    assert said.count(f"{photo}: the end of the file is missing; no pixel is lost") == 1


@pytest.mark.parametrize("way", WAYS)
def test_no_room_on_disk_is_one_line_and_no_output(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    way: str,
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    if way == "from a pipe":
        with pytest.raises(ScratchError, match="no room for a scratch file"):
            stylize(way, tmp_path)
    else:
        assert stylize(way, tmp_path) == 0
        lines = capsys.readouterr().err.splitlines()
        assert len([line for line in lines if "no room for a scratch file" in line]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("height", "short_side", "told"), [(2001, None, True), (2001, 200, False), (2000, None, False)]
)
def test_small_strokes_are_told(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    height: int,
    short_side: int | None,
    told: bool,
) -> None:
    Image.new("RGB", (2001, height)).save(tmp_path / "large.png")
    (tmp_path / "broken.png").write_bytes(b"")
    model = Stylizer(tiny_model(tmp_path / "tiny.onnx"))
    options = PictureOptions("udnie", short_side=short_side)
    done = stylize_files(model, [tmp_path / "large.png"], tmp_path / "out.png", options)
    assert done.whole
    line = f"large.png: strokes look small in a picture of 2001×{height} pixels; --short-side 1000"
    assert (line in capsys.readouterr().err) is told
    # A picture that cannot be read is reported once, by its own error.
    stylize_files(model, [tmp_path / "broken.png"], tmp_path / "out2.png", options)
    assert capsys.readouterr().err.count("broken.png") == 1

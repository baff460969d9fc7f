"""What is kept of long work: pictures on the way, animations, and what an interrupt leaves."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from interp.animation import write_gif, write_mp4
from interp.commands import options
from interp.files import Outputs
from interp.recording import Recorder, Recording
from interp.synthesis.loop import Progress
from styletransfer.errors import RequestError
from styletransfer.images import Pixels


def flat(level: int, height: int = 8, width: int = 10) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


def progress(step: int, steps: int) -> Progress:
    return Progress(step, steps, {"loss": 1.0}, torch.full((1, 3, 8, 10), step / 255))


def levels(path: Path) -> list[int]:
    with Image.open(path) as film:
        return [int(np.asarray(f.convert("RGB"))[0, 0, 0]) for f in ImageSequence.Iterator(film)]


def test_pictures_on_the_way(tmp_path: Path) -> None:
    output = tmp_path / "made.png"
    with Recorder(7, Recording(Outputs(output), save_every=3)) as recorder:
        for step in range(1, 8):
            recorder.step(progress(step, 7))
    recorder.finish()
    names = {path.name: np.asarray(Image.open(path)) for path in tmp_path.iterdir()}
    assert {name: int(pixels.max()) for name, pixels in names.items()} == {
        "made-0003.png": 3,
        "made-0006.png": 6,
    }
    with pytest.raises(RequestError, match=r"made-0003.png exists already"):
        Recorder(7, Recording(Outputs(output), save_every=3))
    Recorder(7, Recording(Outputs(output, overwrite=True), save_every=3))
    Recorder(7, Recording(Outputs(output), save_every=4))


def test_steps_are_counted_over_all_loops(tmp_path: Path) -> None:
    gif = tmp_path / "steps.gif"
    with Recorder(6, Recording(Outputs(tmp_path / "o.png"), gif=gif, save_every=2)) as recorder:
        for step in (1, 2, 3, 1, 2, 3):
            recorder.step(progress(step, 3))
    recorder.finish()
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "o-0002.png",
        "o-0004.png",
        "o-0006.png",
    ]
    assert levels(gif) == [2, 1, 3]


def test_an_animation_has_about_a_hundred_frames_and_the_last(tmp_path: Path) -> None:
    gif = tmp_path / "steps.gif"
    with Recorder(250, Recording(Outputs(quiet=True), gif=gif)) as recorder:
        for step in range(1, 251):
            recorder.step(progress(step, 250))
    recorder.finish()
    assert levels(gif) == [*range(3, 250, 3), 250]


def test_an_interrupt_is_said_and_exits_with_130(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gif = tmp_path / "steps.gif"
    with Recorder(9, Recording(gif=gif)) as recorder:
        recorder.step(progress(1, 9))
        recorder.step(progress(2, 9))
    with pytest.raises(SystemExit) as status:
        options.finish(recorder, interrupted=True)
    assert status.value.code == 130
    said = capsys.readouterr()
    assert said.out == f"wrote {gif}\n"
    assert said.err == "interrupted after step 2 of 9; what there was is written\n"
    assert levels(gif) == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"save_every": 2}, "names its pictures after the figure; give -o"),
        ({"save_every": 2, "files": Outputs(Path("o.txt"))}, "a figure is one of"),
        ({"gif": Path("a.png")}, "give GIF the suffix .gif"),
        ({"mp4": Path("a.gif")}, "give MP4 the suffix .mp4"),
        ({"gif": Path("none/a.gif")}, "no such folder"),
    ],
)
def test_what_cannot_be_written_is_refused_before(
    arguments: dict[str, object], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError, match=said):
        Recorder(5, Recording(**arguments))  # type: ignore[arg-type]


def test_gif(tmp_path: Path) -> None:
    path = tmp_path / "film.gif"
    write_gif(path, [flat(200, 4, 5), flat(40), flat(90)])
    with Image.open(path) as film:
        assert (film.size, film.n_frames, film.info["duration"]) == ((10, 8), 3, 50)
        assert film.info["loop"] == 0
    assert levels(path) == [200, 40, 90]


def test_mp4(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "film.mp4"
    write_mp4(path, [flat(level, 33, 49) for level in (200, 40, 90)])
    with av.open(path) as film:
        (stream,) = film.streams.video
        assert (stream.codec_context.name, stream.average_rate) == ("h264", Fraction(20))
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
    assert [frame.shape for frame in frames] == [(32, 48, 3)] * 3
    assert [round(frame.mean()) for frame in frames] == pytest.approx([200, 40, 90], abs=3)

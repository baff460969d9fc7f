"""Films that are killed, interrupted, or too large for the disk."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.styletransfer.commands.film_calls import done, refused
from tests.styletransfer.video.films import packets, pan, read_film, write_film


def test_a_full_disk_is_one_line(
    model: Path, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    full = property(lambda self: Path("/dev/full"))
    monkeypatch.setattr("styletransfer.video.pieces.Pieces.next_path", full)
    words = ["--style", "udnie", "--model", model]
    assert "no space left" in refused(film, "-o", tmp_path / "out.mp4", *words, status=1)


def test_kills_leave_nothing_different(model: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mp4", pan(60))
    program = tmp_path / "run.py"
    program.write_text(
        "import sys\nfrom styletransfer.video import film\nfilm.LENGTH = 7\n"
        "from styletransfer.commands.main import main\nmain()\n"
    )

    def call(out: Path) -> list[str]:
        words = [sys.executable, program, "video", source, "-o", out]
        return [str(word) for word in (*words, "--style", "the_scream", "--model", model)]

    start = time.monotonic()
    subprocess.run(call(tmp_path / "whole.mp4"), check=True)
    whole = time.monotonic() - start
    random = np.random.default_rng(1)
    killed, out = 0, tmp_path / "out.mp4"
    for _ in range(3):
        process = subprocess.Popen(call(out), stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0.4, 1.0) * whole)
        killed += process.poll() is None
        process.kill()
        process.wait()
    if not out.exists():
        subprocess.run(call(out), check=True)
    assert packets(out, "video") == packets(tmp_path / "whole.mp4", "video")
    assert not list(tmp_path.glob(".*.pieces"))


def test_interrupted_film_is_playable(model: Path, tmp_path: Path) -> None:
    source = write_film(tmp_path / "in.mp4", pan(400, step=1))
    out = tmp_path / "out.mp4"
    words = ["video", source, "-o", out, "--style", "the_scream", "--model", model]
    call = [sys.executable, "-m", "styletransfer", *map(str, words)]
    process = subprocess.Popen(call, stderr=subprocess.PIPE, text=True)
    folder = tmp_path / ".out.mp4.pieces"
    while process.poll() is None and not (folder / "000000.json").exists():
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130, said
    assert "out.part.mp4" in said
    assert len(read_film(tmp_path / "out.part.mp4")[0]) >= 128
    done(*words[1:])
    assert len(read_film(out)[0]) == 400
    assert not (tmp_path / "out.part.mp4").exists()

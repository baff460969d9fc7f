"""Ctrl-C at any moment: one line, status 130, and the same command goes on from there."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.styletransfer.dataset.data_set import data_set, pack, run, save, tree

MOMENTS = 2


@pytest.mark.parametrize("kind", ["folder to folder", "tars to tars"])
def test_ctrl_c(model: Path, tmp_path: Path, kind: str) -> None:
    if kind == "tars to tars":
        picture = save(tmp_path / "p.png", 64, 64).read_bytes()
        for number in range(4):
            pack(tmp_path / "in" / f"{number}.tar", {f"{key}.png": picture for key in range(60)})
        source = str(tmp_path / "in" / "{0..3}.tar")
    else:
        source = str(data_set(tmp_path / "photos", 240))
    name = "" if kind == "folder to folder" else "{0..3}.tar"
    options = ("--style", "random", "--model", str(model), "--workers", "1")
    run(source, tmp_path / "whole" / name, *options)
    moments = random.Random(kind)
    for moment in range(MOMENTS):
        out = tmp_path / f"out{moment}"
        call = [sys.executable, "-m", "styletransfer", "stylize-dataset", source, str(out / name)]
        with subprocess.Popen([*call, *options], stderr=subprocess.PIPE, text=True) as process:
            while process.poll() is None and not list(out.glob(".styletransfer/*/*")):
                time.sleep(0.005)
            time.sleep(moments.uniform(0, 0.1))
            process.send_signal(signal.SIGINT)
            said = process.communicate()[1]
        assert (process.returncode, said.count("\n")) == (130, 1), said
        assert said.startswith("Error: interrupted; ")
        assert run(source, out / name, *options).exit_code == 0
        assert tree(out) == tree(tmp_path / "whole")

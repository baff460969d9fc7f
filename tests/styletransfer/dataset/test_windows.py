"""What Windows lacks or reserves, simulated here."""

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from styletransfer.dataset import destination, journal
from styletransfer.dataset.members import read_members
from tests.styletransfer.dataset.data_set import (
    check_manifest,
    data_set,
    failures,
    pack,
    pictures,
    run,
    save,
    tree,
)

WITHOUT = """
import builtins, os, sys
imported = builtins.__import__

def missing(name, *rest, **more):
    if name in ("fcntl", "termios"):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return imported(name, *rest, **more)

builtins.__import__ = missing
for name in ("fcntl", "termios"):
    sys.modules.pop(name, None)
for name in ("getuid", "pread"):
    delattr(os, name)
import styletransfer.commands.main
styletransfer.commands.main.cli.main(sys.argv[1:])
"""


def test_it_runs_without_what_unix_alone_has(model: Path, tmp_path: Path) -> None:
    photos, out = data_set(tmp_path / "photos", 4), tmp_path / "out"
    call = [sys.executable, "-Wignore", "-c", WITHOUT, "stylize-dataset", str(photos), str(out)]
    call += ["--style", "udnie", "--model", str(model)]
    result = subprocess.run(call, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert set(pictures(out)) == set(tree(photos))
    check_manifest(out)
    assert not (out / ".styletransfer").exists()


def test_open_files_that_cannot_be_removed(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locks are files that Windows removes only when they are released."""
    held: set[Path] = set()
    unlink = Path.unlink

    class Held(FileLock):
        def acquire(self, *words: object, **more: object) -> object:
            taken = super().acquire(*words, **more)  # type: ignore[arg-type]
            held.add(Path(self.lock_file))
            return taken

        def release(self, force: bool = False) -> None:
            held.discard(Path(self.lock_file))
            super().release(force)

    def refusing(self: Path, missing_ok: bool = False) -> None:
        if self in held:
            raise PermissionError(13, "The process cannot access the file", str(self))
        unlink(self, missing_ok)

    photos, out = data_set(tmp_path / "photos", 4), tmp_path / "out"
    monkeypatch.setattr(Path, "unlink", refusing)
    monkeypatch.setattr(journal, "FileLock", Held)
    monkeypatch.setattr(destination, "FileLock", Held)
    assert run(photos, out, "--style", "udnie", "--model", model).exit_code == 0
    check_manifest(out)
    assert not (out / ".styletransfer").exists()


@pytest.mark.parametrize("name", ["..\\up.png", "C:\\x.png", "C:x.png", "\\\\host\\share\\x.png"])
def test_members_that_lead_out_on_windows(model: Path, tmp_path: Path, name: str) -> None:
    good = save(tmp_path / "p.png").read_bytes()
    source = pack(tmp_path / "in" / "x.tar", {name: good, "a.png": good})
    with source.open("rb") as file:
        (member, _) = read_members(file, source.stat().st_size)
    assert member.problem == "its name leads out of the folder to write to"
    out = tmp_path / "out"
    assert run(source, out, "--style", "udnie", "--model", model).exit_code == 1
    assert list(failures(out)) == [f"x.tar/{name}"]
    assert set(pictures(out)) == {"x/a.png"}

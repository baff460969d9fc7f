"""Keep a film in pieces beside the output, so that interrupted work can be continued."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from styletransfer.atomic import written_whole

LENGTH = 128  # number of frames of a piece

State = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Piece:
    """A complete piece.

    Attributes:
        path: File with its packets.
        times: Time and duration of each frame, in ticks of the source.
        skipped: Number of broken packets of the source between the piece before and its end.
    """

    path: Path
    times: tuple[tuple[int, int], ...]
    skipped: int = 0


class Pieces:
    """The pieces of a film, in the hidden folder `.NAME.pieces` beside it.

    A piece is complete if its JSON file exists, which is written last. The NPZ file of the newest
    piece contains the state for the next one.

    Args:
        output: The film to write.
        call: Everything on which the frames depend. Pieces of another call are deleted.
    """

    def __init__(self, output: Path, call: Mapping[str, object]) -> None:
        self.folder = output.with_name(f".{output.name}.pieces")
        text = json.dumps(call, sort_keys=True, default=str)
        self._call = hashlib.sha256(text.encode()).hexdigest()
        self.whole: list[Piece] = []
        self.state: dict[str, NDArray[Any]] = {}
        if self._read("call.json") != self._call:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._read("call.json") is None:
            self._write("call.json", self._call)
        while (note := self._read(f"{len(self.whole):06}.json")) is not None:
            times = tuple((int(pts), int(duration)) for pts, duration in note["times"])
            self.whole.append(Piece(self.next_path, times, note["skipped"]))
        if self.whole:
            with np.load(self.folder / f"{len(self.whole) - 1:06}.npz") as arrays:
                self.state = dict(arrays)

    @property
    def next_path(self) -> Path:
        """File for the packets of the next piece."""
        return self.folder / f"{len(self.whole):06}.mkv"

    @property
    def frames(self) -> int:
        """Number of frames in complete pieces."""
        return sum(len(piece.times) for piece in self.whole)

    @property
    def skipped(self) -> int:
        """Number of broken packets up to the end of the newest piece."""
        return sum(piece.skipped for piece in self.whole)

    def add(self, times: list[tuple[int, int]], skipped: int, state: State) -> None:
        """Mark the next piece as complete.

        Args:
            times: Time and duration of its frames, in ticks.
            skipped: Number of broken packets since the piece before.
            state: State for the piece after it.
        """
        number = len(self.whole)
        with written_whole(self.folder / f"{number:06}.npz") as file:
            np.savez(file, **state)  # type: ignore[arg-type]
        self._write(f"{number:06}.json", {"times": times, "skipped": skipped})
        (self.folder / f"{number - 1:06}.npz").unlink(missing_ok=True)
        self.whole.append(Piece(self.next_path, tuple(times), skipped))

    def remove(self) -> None:
        """Delete all pieces."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def _write(self, name: str, content: object) -> None:
        with written_whole(self.folder / name) as file:
            file.write(json.dumps(content).encode())

"""Stylize a film file in pieces, so that an interruption loses at most one piece."""

import errno
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

from styletransfer.errors import DestinationError, FilmError, OutputError
from styletransfer.inference import Stylizer
from styletransfer.inference.color import preserve_colors as with_colors_of
from styletransfer.inference.masks import parse_masks
from styletransfer.inference.model import gallery_path
from styletransfer.video.ahead import ahead
from styletransfer.video.encoder import Encoding, PieceEncoder, check_crf, choose_codec
from styletransfer.video.frames import checked_stability, frames_at_once, paint_steadily
from styletransfer.video.join import Cut, join, streams_to_copy
from styletransfer.video.opening import open_film
from styletransfer.video.painting import FilmPainter, with_moments
from styletransfer.video.pictures import is_pattern, numbered
from styletransfer.video.pieces import LENGTH, Piece, Pieces
from styletransfer.video.source import Film, Frame
from styletransfer.video.stability import Stabilizer
from styletransfer.video.timeline import parse_timeline


@dataclass(frozen=True)
class FilmResult:
    """Result of stylizing a film.

    Attributes:
        frames: Number of frames written.
        skipped: Number of broken packets.
        notes: Notes for the user.
    """

    frames: int
    skipped: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class FilmOptions:
    """How a film is stylized.

    Attributes:
        styles: Style texts, each with `@` and a time if there are several.
        strengths: Strengths in 0..1, each with `@` and a time if there are several; () for 1.
        masks: Texts such as `sky.mp4=udnie`; then `styles` is empty. A mask is a picture or a film.
        stability: Stability of the strokes, from 0 (each frame by itself) to 1.
        preserve_colors: Whether to keep the colors of the film.
        short_side: Short side in pixels to which frames are scaled first; None keeps their size.
        start: Time to begin at, in seconds.
        end: Time to end at, in seconds; None for the end of the film.
        crf: Constant rate factor; None for 18 (H.264) or 30 (VP9). Less is better.
    """

    styles: tuple[str, ...] = ()
    strengths: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    stability: float = 1.0
    preserve_colors: bool = False
    short_side: int | None = None
    start: float = 0.0
    end: float | None = None
    crf: int | None = None


def stylize_film(
    source: Path,
    output: Path,
    options: FilmOptions,
    *,
    model: Path | None = None,
    provider: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
    advance: Callable[[int, int], object] = lambda done, total: None,
    say: Callable[[str], object] = lambda line: None,
) -> FilmResult:
    """Stylize a film.

    The film is written in pieces beside the output. If the work is interrupted, the same call
    continues after the last complete piece, with the same result. After Ctrl-C, the finished part
    is also written as a film.

    Args:
        source: A film, an animated picture, a folder of numbered frames, or a pattern of names.
        output: mp4, mkv, webm, gif, webp, a folder, or a pattern such as `frame-%05d.png`.
        options: How the film is stylized.
        model: An ONNX file; None for the gallery.
        provider: As for `Stylizer`.
        threads: As for `Stylizer`.
        overwrite: Whether to replace an existing film.
        advance: Called with the number of finished frames and about the number of all frames.
        say: Called with lines for the user.

    Raises:
        FilmError: The source cannot be read.
        OutputError: The output exists, is the source, or cannot be written.
        StyleError: A style, strength or time cannot be used.
        MaskError: A mask cannot be used.
        ModelError: The model cannot be used.
        DestinationError: The disk is full.
    """
    check_output(source, output, overwrite=overwrite)
    codec = choose_codec(output)
    crf = check_crf(options.crf, codec)
    checked_stability(options.stability)
    if options.end is not None and options.end <= options.start:
        raise OutputError("--end must be after --start; give a later time")
    film = open_film(source, options.short_side)
    at_once, share = frames_at_once(film.width * film.height, threads)
    stylizer = Stylizer(model, threads=share, provider=provider)
    painter = FilmPainter(
        stylizer,
        parse_timeline(options.styles, options.strengths, stylizer.styles),
        parse_masks(options.masks, stylizer.styles),
    )
    copied, notes = streams_to_copy(source, output)
    cut = Cut(film.time_base, options.start, options.end)
    encoding = Encoding(codec, film.width, film.height, film.rate, int(film.matrix), film.full, crf)
    if encoding.final and min(film.width, film.height) < 2:
        raise OutputError(f"{output}: a film needs at least 2×2 pixels; write a gif or frames")
    call = {
        "source": str(source.resolve()),
        "changed": source.stat().st_mtime_ns if source.exists() else 0,
        "model": hashlib.sha256(Path(model or gallery_path()).read_bytes()).hexdigest(),
        "masks": [region.mask and region.mask.stat().st_mtime_ns for region in painter.regions],
        "options": str(options),
        "encoding": str(encoding),
    }
    total = _expected(film, options)
    with _no_space(output):
        pieces = Pieces(output, call)
        if pieces.whole:
            say(f"{output}: continues after {pieces.frames} finished frames")
        work = _Work(film, painter, options, encoding, pieces, at_once)
        try:
            skipped = work.run(lambda done: advance(done, total))
        except KeyboardInterrupt:
            part = output.with_name(f"{output.stem}.part{output.suffix}")
            done = work.unfinished()
            if done:
                _put(part, lambda target: join(done, source, output, target, copied, cut), pieces)
                work.forget_unfinished()
                say(f"{part}: contains the finished part; the same command continues the work")
            raise
        if not pieces.frames:
            raise FilmError(f"{source}: there is no frame in this part of the film")
        _put(output, lambda target: join(pieces.whole, source, output, target, copied, cut), pieces)
        frames = pieces.frames
        pieces.remove()
        output.with_name(f"{output.stem}.part{output.suffix}").unlink(missing_ok=True)
    if skipped:
        notes.append(f"{source}: {skipped} broken packets were skipped")
    return FilmResult(frames, skipped, tuple(notes))


def check_output(source: Path, output: Path, *, overwrite: bool) -> None:
    """Refuse an output that must not or cannot be written, before any work is done.

    Raises:
        OutputError: The output exists, is the source, or its folder does not exist.
    """
    folder = output.parent
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder; make it first")
    if is_pattern(output):
        read = source if source.is_dir() else source.parent
        if (source.is_dir() or is_pattern(source)) and folder.samefile(read):
            raise OutputError(f"{folder} holds the input; write the frames to another folder")
        if not overwrite and numbered(output):
            raise OutputError(f"{numbered(output)[0]} exists already; --overwrite replaces it")
    if output.exists():
        if source.exists() and output.samefile(source):
            raise OutputError(f"{output} is the input, and would be overwritten; give another")
        empty = output.is_dir() and not any(output.iterdir())
        if not (overwrite or empty):
            raise OutputError(f"{output} exists already; --overwrite replaces it")


class _Work:
    """Paint the missing part of a film, piece by piece."""

    def __init__(
        self,
        film: Film,
        painter: FilmPainter,
        options: FilmOptions,
        encoding: Encoding,
        pieces: Pieces,
        at_once: int,
    ) -> None:
        self._film, self._painter, self._options = film, painter, options
        self._encoding, self._pieces, self._at_once = encoding, pieces, at_once
        self._encoder: PieceEncoder | None = None
        self._times: list[tuple[int, int]] = []

    def run(self, advance: Callable[[int], object]) -> int:
        """Paint and encode the missing pieces; call `advance` with the number of frames.

        Returns:
            Number of broken packets of the whole film.
        """
        pieces, options = self._pieces, self._options
        stabilizer = Stabilizer(options.stability)
        stabilizer.state = pieces.state
        last = pieces.whole[-1].times[-1][0] if pieces.whole else None
        frames = ahead(self._frames(last), 4)
        moments = with_moments(frames, self._painter.regions, self._film.time_base)
        advance(pieces.frames)
        done, earlier = pieces.frames, pieces.skipped
        while (first := next(moments, None)) is not None:
            batch = chain([first], islice(moments, LENGTH - 1))
            self._encoder = PieceEncoder(pieces.next_path, self._encoding)
            self._times = []
            steady = paint_steadily(batch, self._painter, stabilizer, self._at_once)
            for photograph, painted, moment in steady:
                if options.preserve_colors:
                    painted = with_colors_of(painted, photograph)
                self._encoder(painted)
                self._times.append((moment.pts, moment.duration))
                done += 1
                advance(done)
            self._encoder.close()
            self._encoder = None
            pieces.add(self._times, earlier + moment.skipped - pieces.skipped, stabilizer.state)
        return earlier + self._film.skipped

    def unfinished(self) -> list[Piece]:
        """Close the current piece, and return all pieces with it."""
        whole = list(self._pieces.whole)
        if self._encoder is not None and self._times:
            self._encoder.close()
            whole.append(Piece(self._pieces.next_path, tuple(self._times)))
        return whole

    def forget_unfinished(self) -> None:
        """Delete the current piece. The next run writes it again."""
        self._pieces.next_path.unlink(missing_ok=True)

    def _frames(self, after: int | None) -> Iterator[Frame]:
        base = self._film.time_base
        start = round(Fraction(self._options.start) / base)
        end = self._options.end
        last = None if end is None else Fraction(end).limit_denominator(1_000_000)
        for frame in self._film.frames(start if after is None else after + 1):
            if last is not None and frame.pts * base >= last:
                return
            yield frame


def _expected(film: Film, options: FilmOptions) -> int:
    length = film.count / film.rate
    end = length if options.end is None else min(length, Fraction(options.end))
    return max(0, round((end - Fraction(options.start)) * film.rate))


@contextmanager
def _no_space(output: Path) -> Iterator[None]:
    """Turn the error of a full disk into a DestinationError."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DestinationError(
            f"{output.parent}: no space left on the disk; free some space, and the same command "
            "continues the work"
        ) from None


def _put(output: Path, write: Callable[[Path], None], pieces: Pieces) -> None:
    """Write a film under a temporary name, then rename it."""
    made = pieces.folder / f"film{output.suffix}"
    if is_pattern(output):
        write(output.parent)
        return
    if made.is_dir():
        shutil.rmtree(made)
    write(made)
    if made.is_dir() and output.is_dir():
        shutil.rmtree(output)
    made.replace(output)

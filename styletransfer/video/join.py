"""Join pieces to a film, with the sound, subtitles, chapters and metadata of the source."""

import heapq
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from styletransfer.errors import OutputError
from styletransfer.images import Picture, Pixels, write_image
from styletransfer.video.encoder import ANIMATIONS
from styletransfer.video.pictures import is_pattern
from styletransfer.video.pieces import Piece
from styletransfer.video.times import Times, runs_by_clock

_FORMATS = {".mp4": "mp4", ".mkv": "matroska", ".webm": "webm"}
_OWN_METADATA = ("major_brand", "minor_version", "compatible_brands", "encoder", "creation_time")


@dataclass(frozen=True)
class Cut:
    """The part of the source that the film shows.

    Attributes:
        time_base: Length of a tick in seconds.
        start: Begin in seconds.
        end: End in seconds; None for the end of the source.
    """

    time_base: Fraction
    start: float = 0.0
    end: float | None = None

    @property
    def offset(self) -> int:
        """The begin in ticks."""
        return round(Fraction(self.start) / self.time_base)


def streams_to_copy(source: Path, output: Path) -> tuple[list[int], list[str]]:
    """Return the numbers of the streams to copy to the output, and notes about the others.

    Raises:
        OutputError: The format of the output does not support the codec of the sound.
    """
    if not source.is_file() or output.suffix.lower() not in _FORMATS:
        return [], []
    chosen, notes = [], []
    try:
        read = av.open(os.fspath(source))
    except av.FFmpegError:
        return [], []
    with read, av.open(os.devnull, "w", format=_FORMATS[output.suffix.lower()]) as written:
        for stream in (*read.streams.audio, *read.streams.subtitles):
            codec = stream.codec_context.name if stream.codec_context else "unknown"
            name = stream.codec_context.codec.canonical_name if stream.codec_context else codec
            try:
                written.add_stream_from_template(stream)
                held = name in written.supported_codecs
            except (ValueError, av.FFmpegError):
                held = False
            if held:
                chosen.append(stream.index)
            elif stream.type == "audio":
                raise OutputError(
                    f"{output}: this format cannot contain sound in {name}; write {output.stem}"
                    ".mkv instead"
                )
            else:
                notes.append(f"{source}: {output.suffix} cannot contain subtitles in {name}")
    return chosen, notes


def join(
    pieces: Sequence[Piece], source: Path, output: Path, target: Path, copied: list[int], cut: Cut
) -> None:
    """Write the film of the pieces.

    Args:
        pieces: The pieces in their order.
        source: Source of sound, subtitles, chapters and metadata.
        output: Name of the output, which decides the format.
        target: File or folder to write.
        copied: Numbers of the streams of the source to copy.
        cut: The part of the source that is shown.
    """
    suffix = output.suffix.lower()
    if suffix in _FORMATS:
        _join_packets(pieces, source, _FORMATS[suffix], target, copied, cut)
    elif suffix in ANIMATIONS:
        _write_animation(pieces, suffix, target, cut)
    else:
        name = output.name if is_pattern(output) else "%05d.png"
        target.mkdir(exist_ok=True)
        for number, (rgb, _, _) in enumerate(_decoded(pieces), 1):
            write_image(target / (name % number), Picture(rgb))


def _join_packets(
    pieces: Sequence[Piece], source: Path, format: str, target: Path, copied: list[int], cut: Cut
) -> None:
    options = {"movflags": "+faststart"} if format == "mp4" else {}
    with (
        av.open(os.fspath(target), "w", format=format, options=options) as film,
        av.open(os.fspath(pieces[0].path)) as first,
    ):
        stream = film.add_stream_from_template(first.streams.video[0])
        stream.time_base = cut.time_base
        stream.codec_context.time_base = cut.time_base
        packets: list[Iterator[tuple[float, int, Any]]] = [_film_packets(pieces, stream, cut)]
        read = av.open(os.fspath(source)) if source.is_file() and _is_film(source) else None
        try:
            if read is not None:
                own = {k: v for k, v in read.metadata.items() if k.lower() not in _OWN_METADATA}
                film.metadata.update(own)
                film.set_chapters(list(_chapters(read, cut)))
                streams = {index: _like(film, read.streams[index]) for index in copied}
                if streams:
                    packets.append(_copied_packets(read, streams, cut))
            for _, _, packet in heapq.merge(*packets, key=lambda item: item[:2]):
                film.mux(packet)
        finally:
            if read is not None:
                read.close()


def _film_packets(
    pieces: Iterable[Piece], stream: Any, cut: Cut
) -> Iterator[tuple[float, int, Any]]:
    """Yield the packets of the pieces with the times of the source, with sort keys."""
    for piece in pieces:
        with av.open(os.fspath(piece.path)) as container:
            packets = (packet for packet in container.demux(video=0) if packet.size)
            for (pts, duration), packet in zip(piece.times, packets, strict=False):
                packet.time_base = cut.time_base
                packet.pts = packet.dts = pts - cut.offset
                packet.duration = duration
                packet.stream = stream
                yield float((pts - cut.offset) * cut.time_base), 0, packet


def _copied_packets(
    read: Any, streams: dict[int, Any], cut: Cut
) -> Iterator[tuple[float, int, Any]]:
    """Yield the packets of copied streams within the cut, with sort keys."""
    if cut.start and not runs_by_clock(read):
        read.seek(int(cut.start * av.time_base))
    times = {index: Times(read, read.streams[index].time_base) for index in streams}
    last: dict[int, int] = {}
    for packet in read.demux([read.streams[index] for index in streams]):
        if packet.dts is None or packet.pts is None:
            continue
        index, base = packet.stream.index, packet.time_base
        dts = times[index](packet.dts, packet.duration or 0)
        pts = dts + packet.pts - packet.dts
        # Sound may begin a little before 0: with samples that only fill the decoder.
        early = bool(cut.start) and pts * base < cut.start
        late = cut.end is not None and pts * base >= cut.end
        if early or late or dts < last.get(index, dts):
            continue
        last[index] = dts
        shift = round(Fraction(cut.start) / base)
        packet.stream = streams[index]
        packet.pts, packet.dts = pts - shift, dts - shift
        yield float(packet.dts * base), 1, packet


def _like(film: Any, stream: Any) -> Any:
    copy = film.add_stream_from_template(stream)
    copy.metadata.update(stream.metadata)
    return copy


def _chapters(read: Any, cut: Cut) -> Iterator[Any]:
    for chapter in read.chapters():
        base = chapter["time_base"]
        shift = round(Fraction(cut.start) / base)
        start, end = chapter["start"] - shift, chapter["end"] - shift
        last = None if cut.end is None else round(Fraction(cut.end - cut.start) / base)
        if end > 0 and (last is None or start < last):
            end = end if last is None else min(end, last)
            yield {**chapter, "start": max(0, start), "end": end}


def _is_film(source: Path) -> bool:
    return source.suffix.lower() != ".webp"


def _decoded(pieces: Iterable[Piece]) -> Iterator[tuple[Pixels, int, int]]:
    """Yield the frames of lossless pieces, with times and durations."""
    for piece in pieces:
        with av.open(os.fspath(piece.path)) as container:
            frames = container.decode(video=0)
            for (pts, duration), frame in zip(piece.times, frames, strict=False):
                rgb: Any = frame.to_ndarray(format="rgb24")
                yield rgb, pts, duration


def _write_animation(pieces: Sequence[Piece], suffix: str, target: Path, cut: Cut) -> None:
    is_gif = suffix == ".gif"
    ticks = Fraction(1, 100) if is_gif else Fraction(1, 1000)
    container = av.open(os.fspath(target), "w", format=suffix[1:], options={"loop": "0"})
    with container:
        stream: Any = container.add_stream("gif" if is_gif else "libwebp_anim", 1 / ticks)
        stream.pix_fmt = "pal8" if is_gif else "yuv420p"
        stream.codec_context.time_base = ticks
        last = -1
        for rgb, pts, duration in _decoded(pieces):
            if last < 0:
                stream.height, stream.width = rgb.shape[:2]
            frame = _paletted(rgb) if is_gif else av.VideoFrame.from_ndarray(rgb, format="rgb24")
            moment = round((pts - cut.offset) * cut.time_base / ticks)
            frame.pts = last = max(moment, last + 1)
            frame.time_base = ticks
            frame.duration = max(1, round(duration * cut.time_base / ticks))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _paletted(rgb: Pixels) -> Any:
    image = Image.fromarray(rgb).quantize(dither=Image.Dither.NONE)
    colors = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    palette = np.full((256, 4), 255, np.uint8)
    palette[: len(colors), 1:] = colors
    pixels: Any = (np.asarray(image), palette)
    return av.VideoFrame.from_ndarray(pixels, format="pal8")

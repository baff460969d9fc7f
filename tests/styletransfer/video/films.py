"""Films whose motion, colors, times and sound a test knows."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Frames = Sequence[NDArray[np.uint8]]
_TAGS = {1: 1, 5: 6, 9: 9}  # how a film tells the matrix


def texture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Random tones in soft colors: motion in them can be seen, and codecs keep them."""
    random, cells = np.random.default_rng(seed), (height // 8 + 2, width // 8 + 2)
    tones = random.integers(40, 200, (*cells, 1)) + random.integers(0, 30, (*cells, 3))
    return cv2.resize(tones.astype(np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)


def pan(count: int, height: int = 96, width: int = 128, step: int = 2) -> Frames:
    """A camera that moves to the right by `step` pixels a frame."""
    wide = texture(height, width + step * count)
    return [np.ascontiguousarray(wide[:, step * t : step * t + width]) for t in range(count)]


def write_film(
    path: Path,
    frames: Frames,
    times: Sequence[int] | None = None,
    *,
    codec: str = "libx264",
    matrix: int = 1,
    full: bool = False,
    sound: str | None = None,
    lossless: bool = False,
    form: str = "yuv420p",
    aspect: Fraction | None = None,
    transfer: int = 2,
    primaries: int = 2,
) -> Path:
    """Write frames whose times are in milliseconds; 25 a second by default.

    Matrix, transfer and primaries are FFmpeg's numbers; 2 is unknown.
    """
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as film:
        film.metadata["title"] = "A pan"
        stream: Any = film.add_stream(codec, 25)
        stream.width, stream.height, stream.pix_fmt = width, height, form
        if codec == "libx264":
            stream.options = {"qp": "1"} if lossless else {"crf": "12"}
        if codec == "libx265":
            stream.options = {"x265-params": "lossless=1:log-level=none"}
        context = stream.codec_context
        context.time_base = Fraction(1, 1000)
        context.color_trc, context.color_primaries = transfer, primaries
        if form.startswith("yuv"):
            context.color_range, context.colorspace = (2 if full else 1), _TAGS[matrix]
        if aspect:
            context.sample_aspect_ratio = aspect
        audio: Any = film.add_stream(sound, 44100) if sound else None
        if audio:
            audio.layout = "mono"
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if form.startswith("yuv"):
                words = {"dst_colorspace": matrix, "dst_color_range": 2 if full else 1}
                frame = frame.reformat(format=form, **words)
            else:
                frame = frame.reformat(format=form)
            frame.pts = 40 * number if times is None else times[number]
            frame.time_base = Fraction(1, 1000)
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
        if audio:
            _add_sound(film, audio, len(frames) / 25)
    return path


def _add_sound(film: Any, audio: Any, seconds: float) -> None:
    form = "s16" if audio.codec_context.name.startswith("pcm") else "fltp"
    wave = np.sin(np.arange(int(44100 * seconds)) * 0.06)[None]
    samples = (wave * 9000).astype(np.int16) if form == "s16" else wave.astype(np.float32)
    fifo = av.AudioFifo()
    whole = av.AudioFrame.from_ndarray(samples, form, "mono")
    whole.sample_rate, whole.pts = 44100, 0
    fifo.write(whole)
    while (frame := fifo.read(1024, partial=False)) is not None:
        film.mux(audio.encode(frame))
    film.mux(audio.encode())


def read_film(path: Path) -> tuple[list[NDArray[np.uint8]], list[float]]:
    """Frames and times in seconds of a film."""
    with av.open(str(path)) as film:
        frames = list(film.decode(video=0))
    return [frame.to_ndarray(format="rgb24") for frame in frames], [
        float(frame.time) for frame in frames
    ]


def packets(path: Path, kind: str) -> list[bytes]:
    """The packets of the first stream of a kind, such as `audio`."""
    with av.open(str(path)) as film:
        stream = next(stream for stream in film.streams if stream.type == kind)
        return [bytes(packet) for packet in film.demux(stream) if packet.size]


def copied(source: Path, target: Path, change: Callable[[int, bytes], bytes]) -> Path:
    """Copy the video of a film, each packet as `change` makes it from its number and content."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        packets = (packet for packet in read.demux(video=0) if packet.size)
        for number, packet in enumerate(packets):
            new = av.Packet(change(number, bytes(packet)))
            new.pts, new.dts, new.duration = packet.pts, packet.dts, packet.duration
            new.time_base, new.is_keyframe = packet.time_base, packet.is_keyframe
            new.stream = stream
            written.mux(new)
    return target

"""Encode frames, with the codec for each kind of output."""

import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from styletransfer.errors import OutputError
from styletransfer.images import WRITABLE, Pixels
from styletransfer.video.pictures import is_pattern

DEFAULT_CRF = {"libx264": 18, "libvpx-vp9": 30}
_CODECS = {".mp4": "libx264", ".mkv": "libx264", ".webm": "libvpx-vp9"}
ANIMATIONS = (".gif", ".webp")
_LOSSLESS = "ffv1"


@dataclass(frozen=True)
class Encoding:
    """The encoding of the pieces of a film.

    Attributes:
        codec: FFmpeg's name of the codec. For animations and frames it is a lossless one, because
            they are encoded again in the end.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        rate: Average number of frames per second.
        matrix: YUV matrix.
        full: Whether YUV has the full range 0..255.
        crf: Constant rate factor of H.264 and VP9; less is better.
    """

    codec: str
    width: int
    height: int
    rate: Fraction
    matrix: int
    full: bool
    crf: int

    @property
    def range(self) -> ColorRange:
        """FFmpeg's constant for the range of YUV."""
        return ColorRange.JPEG if self.full else ColorRange.MPEG

    @property
    def final(self) -> bool:
        """Whether the packets are copied to the output, not encoded again."""
        return self.codec != _LOSSLESS


def choose_codec(output: Path) -> str:
    """Return the codec for the pieces of an output.

    Raises:
        OutputError: The output is no film, folder or pattern of frames.
    """
    suffix = output.suffix.lower()
    if suffix in _CODECS:
        return _CODECS[suffix]
    frames = is_pattern(output) and suffix in WRITABLE
    if suffix in ANIMATIONS or frames or not suffix or output.is_dir():
        return _LOSSLESS
    kinds = " ".join((*_CODECS, *ANIMATIONS))
    raise OutputError(
        f"{output}: cannot write this kind of film; use {kinds}, a folder, or a name such as "
        "frame-%05d.png"
    )


class PieceEncoder:
    """Encode one piece. Its packets are in the order of the frames; their times have no meaning."""

    def __init__(self, path: Path, encoding: Encoding) -> None:
        self._encoding = encoding
        self._container = av.open(os.fspath(path), "w", format="matroska")
        rate = min(encoding.rate, Fraction(500))  # Matroska counts milliseconds
        stream: Any = self._container.add_stream(encoding.codec, rate)
        # The color planes have half the size, so odd sizes lose the last column or row.
        even = encoding.final
        self._width = encoding.width - encoding.width % 2 * even
        self._height = encoding.height - encoding.height % 2 * even
        stream.width, stream.height = self._width, self._height
        stream.pix_fmt = "yuv420p" if encoding.final else "bgr0"
        context = stream.codec_context
        context.time_base = 1 / rate
        context.thread_count = 2  # the same packets on every machine
        if encoding.final:
            context.color_range = encoding.range
            context.colorspace = _tag(encoding.matrix)
            context.color_primaries = context.color_trc = 1
            context.options = _options(encoding)
        self._stream, self._count = stream, 0

    def __call__(self, rgb: Pixels) -> None:
        """Add a frame, uint8 H×W×3."""
        frame = av.VideoFrame.from_ndarray(rgb[: self._height, : self._width], format="rgb24")
        if self._encoding.final:
            frame = frame.reformat(
                format="yuv420p",
                src_color_range=ColorRange.JPEG,
                dst_colorspace=self._encoding.matrix,
                dst_color_range=self._encoding.range,
                interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
            )
            frame.colorspace = _tag(self._encoding.matrix)
            frame.color_range = self._encoding.range
        else:
            frame = frame.reformat(format="bgr0")
        frame.pts, frame.time_base = self._count, self._stream.codec_context.time_base
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the piece."""
        if self._count:
            self._container.mux(self._stream.encode())
        self._container.close()


def check_crf(crf: int | None, codec: str) -> int:
    """Return the constant rate factor to use.

    Raises:
        OutputError: One is given, but the codec has none.
    """
    if codec not in DEFAULT_CRF:
        if crf is not None:
            raise OutputError("--crf is for mp4, mkv and webm; leave it out")
        return 0
    return DEFAULT_CRF[codec] if crf is None else crf


def _options(encoding: Encoding) -> dict[str, str]:
    crf = str(encoding.crf)
    if encoding.codec == "libx264":
        # Without B-frames, packets are in the order of the frames, and pieces can be joined.
        return {"crf": crf, "preset": "veryfast", "bf": "0"}
    return {
        "crf": crf,
        "b": "0",
        "deadline": "realtime",
        "cpu-used": "7",
        "row-mt": "1",
        "lag-in-frames": "0",
        "auto-alt-ref": "0",
    }


def _tag(matrix: int) -> int:
    return 1 if matrix == Colorspace.ITU709 else 6

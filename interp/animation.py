"""Pictures one after another, as a GIF or as a film."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from interp.pictures import resized
from styletransfer.atomic import written_whole
from styletransfer.errors import WorkError
from styletransfer.images import Pixels

FRAMES_PER_SECOND = 20


def write_gif(path: Path, frames: Sequence[Pixels]) -> None:
    """Write uint8 H×W×3 frames as an endless GIF of 20 a second, each with 256 colors of its own.

    Smaller frames are scaled to the size of the largest.

    Raises:
        ValueError: There are no frames.
        WorkError: The file cannot be written.
    """
    first, *rest = (
        Image.fromarray(frame).quantize(dither=Image.Dither.NONE) for frame in _alike(frames)
    )
    try:
        with written_whole(path) as file:
            first.save(
                file,
                "GIF",
                save_all=True,
                append_images=rest,
                duration=1000 // FRAMES_PER_SECOND,
                loop=0,
            )
    except OSError as error:
        raise WorkError(f"{path}: cannot be written ({error.strerror or error})") from error


def write_mp4(path: Path, frames: Sequence[Pixels]) -> None:
    """Write uint8 H×W×3 frames as H.264, 20 a second; sides are cut to even numbers of pixels.

    Smaller frames are scaled to the size of the largest. Needs PyAV (the extra `video`).

    Raises:
        ValueError: There are no frames.
        WorkError: The file cannot be written.
    """
    import av

    alike = _alike(frames)
    height, width = (side - side % 2 for side in alike[0].shape[:2])
    if not (height and width):
        raise WorkError(f"{path}: a film of one pixel's width or height cannot be written")
    try:
        with written_whole(path) as file, av.open(file, "w", format="mp4") as film:
            stream = film.add_stream("libx264", Fraction(FRAMES_PER_SECOND), options={"crf": "18"})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for frame in alike:
                pixels = np.ascontiguousarray(frame[:height, :width])
                film.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            film.mux(stream.encode())
    except (OSError, av.FFmpegError) as error:
        raise WorkError(f"{path}: cannot be written ({error.strerror or error})") from error


def _alike(frames: Sequence[Pixels]) -> list[Pixels]:
    if not frames:
        raise ValueError("an animation needs at least one frame")
    height, width = (max(frame.shape[axis] for frame in frames) for axis in (0, 1))
    return [
        frame if frame.shape[:2] == (height, width) else resized(frame, height, width)
        for frame in frames
    ]

"""Open a film of any kind."""

from pathlib import Path

from styletransfer.errors import FilmError
from styletransfer.video.pictures import AnimatedWebP, NumberedFrames, is_pattern
from styletransfer.video.source import Film
from styletransfer.video.video_file import VideoFile


def open_film(path: Path, short_side: int | None = None) -> Film:
    """Open a film, an animated picture, a folder of frames, or a pattern such as `%04d.png`.

    Args:
        path: File, folder or pattern.
        short_side: Short side in pixels to which frames are scaled; None keeps their size.

    Raises:
        FilmError: The film cannot be read.
        ImageError: A frame in a folder cannot be read.
    """
    if path.is_dir() or is_pattern(path):
        return NumberedFrames(path, short_side)
    if not path.is_file():
        raise FilmError(f"{path}: no such file; name a film or a folder of frames")
    if path.suffix.lower() == ".webp":
        return AnimatedWebP(path, short_side)
    return VideoFile(path, short_side)

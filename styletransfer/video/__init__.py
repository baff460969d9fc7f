"""Stylize films so that the strokes move with the objects.

Example:
    for painted in stylize_frames(frames, "starry_night"):
        show(painted)

This package needs the extra `video` (PyAV and OpenCV).
"""

from styletransfer.video.film import FilmOptions, FilmResult, stylize_film
from styletransfer.video.frames import stylize_frames

__all__ = ["FilmOptions", "FilmResult", "stylize_film", "stylize_frames"]

"""Films: frames in and out, motion between frames, and paintings that stay on what they show.

Example:
    for painted in stylize_frames(frames, "starry_night"):
        show(painted)

Needs PyAV and OpenCV, the extra `video`.
"""

from styletransfer.video.film import FilmOptions, FilmResult, stylize_film
from styletransfer.video.frames import stylize_frames

__all__ = ["FilmOptions", "FilmResult", "stylize_film", "stylize_frames"]

"""What is kept of long work while it goes on: its progress, pictures on the way, an animation."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from torch import Tensor

from interp.animation import write_gif, write_mp4
from interp.commands import options
from interp.commands.files import Outputs, check_output
from interp.figures import grid
from interp.network.photographs import shown
from interp.synthesis.loop import Progress
from styletransfer.commands.extras import extra
from styletransfer.errors import RequestError
from styletransfer.images import WRITABLE, Picture, Pixels, write_image

# Of an animation for which --save-every does not say how many.
_FRAMES = 100
INTERRUPTED = 130


def checked_outputs(asked: options.Recording, sources: Sequence[Path]) -> Outputs:
    """The figure and the data that are asked for; RequestError as `Outputs.check` raises it."""
    files = Outputs(asked.output, asked.data, asked.quiet)
    files.check(sources, overwrite=asked.overwrite)
    return files


class Recorder:
    """Shows the progress of a command, and writes what `--save-every`, `--gif`, `--mp4` ask for.

    A command opens it as a context around the work, whose steps it gets as `on_step`, and calls
    `finish` when its own output is written.

    Pictures on the way are called after the command's figure, NAME-0050.png. An animation has as
    many frames as there are such pictures, or else about 100.

    Args:
        steps: how many there will be, over all loops.
        asked: what is to be written.
        sources: files that are read, and must not be overwritten.
        unit: what a step is called.

    Raises:
        RequestError: before the work, for what cannot be written or would overwrite something.
        click.ClickException: a film is wanted, and PyAV is not installed.
    """

    def __init__(
        self,
        steps: int,
        asked: options.Recording,
        sources: Sequence[Path] = (),
        unit: str = "step",
    ) -> None:
        self.steps = steps
        self.done = 0
        self.frames: list[Pixels] = []
        self._asked, self._unit = asked, unit
        self._every = asked.save_every or -(-steps // _FRAMES)
        output, overwrite = asked.output, asked.overwrite
        if asked.save_every is not None:
            if output is None:
                raise RequestError("--save-every names its pictures after the figure; give -o")
            if output.suffix.lower() not in WRITABLE:
                raise RequestError(f"{output}: a figure is one of {' '.join(WRITABLE)}")
            for step in range(asked.save_every, steps + 1, asked.save_every):
                check_output(self._name(output, step), sources, overwrite=overwrite)
        for path, suffix in ((asked.gif, ".gif"), (asked.mp4, ".mp4")):
            if path is not None:
                if path.suffix.lower() != suffix:
                    raise RequestError(f"{path}: give {suffix[1:].upper()} the suffix {suffix}")
                check_output(path, sources, overwrite=overwrite)
        if asked.mp4 is not None:
            with extra("video"):
                import av  # noqa: F401 (so that its lack is told before any work)
        self._bar = options.progress(steps, unit, quiet=asked.quiet)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def step(self, progress: Progress) -> None:
        """Note a step: `on_step` of `optimize_image`, or of a loop of one's own.

        Steps are counted over all loops, whatever number theirs has.
        """
        self.note(lambda: drawn(progress.picture), progress.terms)

    def note(self, draw: Callable[[], Pixels], terms: Mapping[str, float] | None = None) -> None:
        """Note a step; `draw` gives its picture, and is called for those alone that are kept."""
        self.done += 1
        loss = {"loss": f"{sum(terms.values()):.4g}"} if terms else {}
        self._bar.set_postfix(loss, refresh=False)
        self._bar.update()
        if self.done % self._every and self.done != self.steps:
            return
        asked = self._asked
        if asked.save_every and self.done % asked.save_every == 0 and asked.output is not None:
            write_image(self._name(asked.output, self.done), Picture(draw(), None, ()))
        if asked.gif is not None or asked.mp4 is not None:
            self.frames.append(draw())

    def finish(self, *, interrupted: bool = False) -> None:
        """Write the animations; after an interrupt say so on stderr, and exit with 130.

        Raises WorkError where a file cannot be written.
        """
        for path, write in ((self._asked.gif, write_gif), (self._asked.mp4, write_mp4)):
            if path is not None and self.frames:
                write(path, self.frames)
                if not self._asked.quiet:
                    print(f"wrote {path}")
        if interrupted:
            options.report(
                f"interrupted after {self._unit} {self.done} of {self.steps}; what there was is "
                "written"
            )
            sys.exit(INTERRUPTED)

    def _name(self, output: Path, step: int) -> Path:
        digits = max(4, len(str(self.steps)))
        return output.with_name(f"{output.stem}-{step:0{digits}}{output.suffix}")


def drawn(picture: Tensor) -> Pixels:
    """N×3×H×W in 0..1 as uint8 H×W×3: the picture itself, or a grid of several."""
    return shown(picture) if len(picture) == 1 else grid([shown(one) for one in picture], gap=2)

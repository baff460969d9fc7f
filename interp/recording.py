"""Keep pictures of long work while it goes on: its progress, single pictures, an animation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from interp.files import Outputs, check_output, check_suffix
from interp.progress import progress
from styletransfer.errors import OutputError
from styletransfer.images import Picture, Pixels, to_pixels, write_image

# torch and matplotlib are slow to import: `--help` waits for none, and textures from patches need
# no torch.
if TYPE_CHECKING:
    from torch import Tensor

    from interp.synthesis.loop import Progress

# Of an animation for which --save-every does not say how many.
_FRAMES = 100


@dataclass(frozen=True)
class Recording:
    """The files that a command which makes an image step by step writes."""

    files: Outputs = field(default_factory=Outputs)
    save_every: int | None = None
    gif: Path | None = None
    mp4: Path | None = None


class Recorder:
    """Shows the progress of a command, and writes what `--save-every`, `--gif`, `--mp4` ask for.

    A command opens it as a context around the work, whose steps it gets as `on_step`, and calls
    `finish` when its own output is written.

    Pictures on the way are named after the command's figure, NAME-0050.png. An animation has as
    many frames as there are such pictures, or else about 100.

    Args:
        steps: Number of steps, over all loops.
        asked: What is to be written.
        sources: Files that are read, and must not be overwritten.
        unit: What a step is called.

    Raises:
        OutputError: Before the work, for what cannot be written or would overwrite something.
        ModuleNotFoundError: A film is wanted, and PyAV is not installed.
    """

    def __init__(
        self,
        steps: int,
        asked: Recording,
        sources: Sequence[Path] = (),
        unit: str = "step",
    ) -> None:
        self.steps = steps
        self.done = 0
        self.frames: list[Pixels] = []
        self._asked, self._unit = asked, unit
        self._every = asked.save_every or -(-steps // _FRAMES)
        output, overwrite = asked.files.figure, asked.files.overwrite
        if asked.save_every is not None:
            if output is None:
                raise OutputError("--save-every names its pictures after the figure; give -o")
            check_suffix(output)
            for step in range(asked.save_every, steps + 1, asked.save_every):
                check_output(self._name(output, step), sources, overwrite=overwrite)
        for path, suffix in ((asked.gif, ".gif"), (asked.mp4, ".mp4")):
            if path is not None:
                if path.suffix.lower() != suffix:
                    raise OutputError(f"{path}: give {suffix[1:].upper()} the suffix {suffix}")
                check_output(path, sources, overwrite=overwrite)
        if asked.mp4 is not None:
            import av  # noqa: F401 (so that its lack is told before any work)
        self._bar = progress(steps, unit, quiet=asked.files.quiet)

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def step(self, progress: "Progress") -> None:
        """Note a step: `on_step` of `optimize_image`, or of a loop of one's own.

        Steps are counted over all loops, whatever number theirs has.
        """
        self.note(lambda: drawn(progress.picture), progress.terms)

    def picture(self, pixels: Pixels) -> None:
        """Note a step that left `pixels`, which the work goes on painting over."""
        self.note(pixels.copy)

    def note(self, draw: Callable[[], Pixels], terms: Mapping[str, float] | None = None) -> None:
        """Note a step; `draw` gives its picture, and is called only for those that are kept."""
        self.done += 1
        loss = {"loss": f"{sum(terms.values()):.4g}"} if terms else {}
        self._bar.set_postfix(loss, refresh=False)
        self._bar.update()
        if self.done % self._every and self.done != self.steps:
            return
        asked, figure = self._asked, self._asked.files.figure
        if asked.save_every and self.done % asked.save_every == 0 and figure is not None:
            write_image(self._name(figure, self.done), Picture(draw(), None, ()))
        if asked.gif is not None or asked.mp4 is not None:
            self.frames.append(draw())

    def finish(self) -> None:
        """Write the animations; WorkError where a file cannot be written."""
        from interp.animation import write_gif, write_mp4

        for path, write in ((self._asked.gif, write_gif), (self._asked.mp4, write_mp4)):
            if path is not None and self.frames:
                write(path, self.frames)
                self._asked.files.say(f"wrote {path}")

    def interruption(self) -> str:
        """The line that tells where the work was interrupted."""
        return (
            f"interrupted after {self._unit} {self.done} of {self.steps}; what there was is written"
        )

    def _name(self, output: Path, step: int) -> Path:
        digits = max(4, len(str(self.steps)))
        return output.with_name(f"{output.stem}-{step:0{digits}}{output.suffix}")


def drawn(picture: "Tensor") -> Pixels:
    """N×3×H×W in 0..1 as uint8 H×W×3: the picture itself, or a grid of several."""
    from interp.pictures import grid

    pictures = [to_pixels(one.detach().cpu().numpy()) for one in picture]
    return pictures[0] if len(pictures) == 1 else grid(pictures, gap=2)

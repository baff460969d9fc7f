"""Steps that are refused because a loss or a gradient is infinite or not a number."""

from collections.abc import Sequence

from styletransfer.errors import DivergenceError

# Number of refusals in a row that end a run.
PATIENCE = 10


class Refusals:
    """Counts refused steps, and ends a run in which there are too many in a row."""

    def __init__(self) -> None:
        self.total = 0
        self._in_a_row = 0
        self._now = False

    def refuse(self, step: int, names: Sequence[str]) -> None:
        """Count a refusal.

        Args:
            step: The step of the optimizer.
            names: The styles whose loss is not finite. None of them means the gradient.

        Raises:
            DivergenceError: It is the tenth in a row.
        """
        self._now = True
        self.total += 1
        self._in_a_row += 1
        if self._in_a_row >= PATIENCE:
            what = f"loss of {', '.join(sorted(set(names)))}" if names else "gradient"
            raise DivergenceError(
                f"the {what} was not finite {PATIENCE} times in a row, up to step {step}; lower "
                "--model.lr or the weight of that style, and continue from the last checkpoint"
            )

    def end_batch(self, last: bool) -> None:
        """Note that a batch ends; `last` is whether it is the last of a step of the optimizer.

        After a step of which nothing was refused, the count begins again.
        """
        if last and not self._now:
            self._in_a_row = 0
        if last:
            self._now = False

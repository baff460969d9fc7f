"""Steps that are refused because a loss or a gradient is infinite or not a number."""

from collections.abc import Sequence

from styletransfer.errors import DivergenceError

# Refused steps in a row after which a run is hopeless.
PATIENCE = 10


class Refusals:
    """Counts refused steps, and ends a run in which there are too many in a row."""

    def __init__(self) -> None:
        self.total = 0
        self._in_a_row = 0
        self._now = False

    def begin_batch(self) -> None:
        """Note that a batch begins, and that nothing of it was refused yet."""
        self._now = False

    def refuse(self, step: int, names: Sequence[str]) -> None:
        """Count a step whose loss is not finite with the styles `names`; all of them where empty.

        Raises:
            DivergenceError: It is the tenth in a row.
        """
        self._now = True
        self.total += 1
        self._in_a_row += 1
        if self._in_a_row >= PATIENCE:
            raise DivergenceError(
                f"the loss was not finite {PATIENCE} steps in a row, up to step {step}, there with "
                f"style {', '.join(sorted(set(names))) or 'all of the batch'}; lower --model.lr or "
                "that style's weight, and go on from the last checkpoint"
            )

    def end_batch(self) -> None:
        """Note that a batch ends: without a refusal, the count in a row begins anew."""
        if not self._now:
            self._in_a_row = 0

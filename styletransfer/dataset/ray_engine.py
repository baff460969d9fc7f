"""The same work on a Ray cluster: Ray Data gives portions of it to actors.

Each actor is a process with an open model. It writes its outputs and its journal itself, as the
local engine does. When an actor dies, Ray gives its portion to another one, which continues it
like any other run. The source, the destination and the model must be on storage that all machines
share. For a destination in a store, an actor sends the lines of its journal to the driver. The
lines of an actor that died are lost; then the driver looks at the outputs once more.
"""

import logging
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it warns of what does not concern us

import ray
import ray.data

from styletransfer.dataset.destination import Outcome
from styletransfer.dataset.journal import Journal, read_lines
from styletransfer.dataset.progress import Progress
from styletransfer.dataset.run import Call, Run
from styletransfer.dataset.stages import fatal_faults
from styletransfer.dataset.storage import is_local, place
from styletransfer.errors import DestinationError, WorkError
from styletransfer.inference.model import gallery_path
from styletransfer.inference.providers import CPU

PORTION = 32  # files
MOST_BLOCKS = 2000  # Ray's scheduler slows down with more


def stylize_on_ray(
    call: Call, progress: Progress, address: str | None, workers: int | None
) -> Outcome:
    """Do what is missing of a data set on a cluster, as `stylize_dataset` does it here.

    `address` is that of a running cluster, or `auto`. None starts one here for `workers` actors.
    By default there are as many actors as the cluster has CPUs, or GPUs if the model runs on them.
    """
    call = _absolute(replace(call, workers=1))
    run = Run(call, progress)
    gpus = 0 if run.stylizer.provider == CPU else 1
    call = replace(call, settings=replace(call.settings, provider=run.stylizer.provider))
    with run.begun() as journal:
        portions = list(run.layout.portions(call.shard, journal, progress, PORTION))
        if portions:
            with _cluster(address, workers) as resources:
                count = workers or int(resources.get("GPU" if gpus else "CPU", 1))
                _spread(portions, call, progress, journal, min(count, len(portions)), gpus)
            if run.layout.destination.has_unrecorded():
                quiet = Progress(quiet=True)
                for portion in run.layout.portions(call.shard, journal, quiet):
                    run.layout.write(portion, journal, progress, run.pipe(journal))
    return run.outcome


class Actor:
    """What one process of the cluster keeps from portion to portion."""

    def __init__(self) -> None:
        self._progress = Progress(quiet=True)
        self._run: Run | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Do one portion. Return how many pictures were written, the failures, and what stops."""
        call, portion = pickle.loads(batch["portion"][0])
        # Not in the constructor: Ray may have lost its arguments when it starts a dead actor again.
        run = self._run = self._run or Run(call, self._progress)
        destination, before = run.layout.destination, self._progress.counts["written"]
        stop = ""
        with closing(Journal(destination.work)) as journal:
            try:
                with fatal_faults(destination.folder):
                    run.layout.write(portion, journal, self._progress, run.pipe(journal))
            except DestinationError as error:
                stop = str(error)
        lines = list(read_lines(journal.path))
        failed = [line["failed"] for line in lines if "failed" in line]
        kept = [] if is_local(destination.folder) else lines
        result = (self._progress.counts["written"] - before, failed, kept, stop)
        return {"portion": [pickle.dumps(portion)], "result": [pickle.dumps(result)]}


def _spread(
    portions: Sequence[Any],
    call: Call,
    progress: Progress,
    journal: Journal,
    actors: int,
    gpus: int,
) -> None:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    dataset = ray.data.from_items(
        [{"portion": pickle.dumps((call, portion))} for portion in portions],
        override_num_blocks=min(len(portions), MOST_BLOCKS),
    ).map_batches(
        Actor,
        batch_size=1,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=1,
        num_gpus=gpus,
    )
    for row in dataset.iter_rows():
        portion = pickle.loads(row["portion"])
        written, failed, lines, stop = pickle.loads(row["result"])
        if lines:
            journal.append(*lines)
        for source, reason in failed:
            progress.failed(source, reason)
        files = len(portion) if isinstance(portion, tuple) else 0
        progress.wrote(written, max(files - len(failed), 0))
        progress.tick()
        if stop:
            raise DestinationError(stop)


@contextmanager
def _cluster(address: str | None, workers: int | None) -> Iterator[dict[str, float]]:
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    started = not ray.is_initialized()
    if started and address is None:
        ray.init(
            address="local",  # without it a cluster that happens to run here would be taken
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    elif started:
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except ConnectionError:
            raise WorkError(
                f"{address}: no Ray cluster can be reached there; see that it runs, and set "
                "RAY_AUTH_MODE=token here if it asks for a token"
            ) from None
    try:
        yield ray.cluster_resources()  # type: ignore[no-untyped-call]
    finally:
        if started:
            ray.shutdown()


def _absolute(call: Call) -> Call:
    """Return the call with paths that mean the same in an actor's working folder."""
    settings = call.settings
    model = Path(settings.model or gallery_path()).absolute()
    table = settings.style_from and Path(settings.style_from).absolute()
    return replace(
        call,
        source=str(place(call.source).absolute()),
        destination=str(place(call.destination).absolute()),
        settings=replace(settings, model=model, style_from=table),
    )

"""Latency and throughput of the networks on a GPU, beside the network of pytorch/examples.

Each row is a network in a runtime and a precision, at one side and two batches: 1, and the batch
with the most images a second. A share compares the time with the least that the machine allows:
see roofline.py. What is not installed, or doesn't run, is a row that says why.

On a machine without a GPU the same code measures the CPU, with fewer sides and no compilation.

Run: python benchmarks/gpu.py --out runs/gpu
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import torch
from torch import Tensor, nn

from styletransfer.networks import build_network

GPU_SIDES, CPU_SIDES = (256, 512, 1024, 2048), (256, 512)
STYLES = 17
# A batch is doubled as long as it gives this many times the images a second.
GAIN = 1.05
LARGEST_BATCH = {"cuda": 64, "cpu": 4}
RUNS = 20
SECONDS = 1.0  # at most for the runs of one figure
PEER = "johnson"  # the network of pytorch/examples, layer for layer

Run = Callable[[Tensor], object]


@dataclass(frozen=True)
class Subject:
    """A network in a runtime.

    Args:
        network: A name of `styletransfer.networks.NETWORKS`.
        runtime: `eager`, `compiled`, or a provider of ONNX Runtime such as `cuda`.
        half: Whether values are float16.
    """

    network: str
    runtime: str
    half: bool


@dataclass
class Row:
    """One line of the table: milliseconds of a batch, images a second, shares of the limits."""

    network: str
    runtime: str
    precision: str
    side: int
    batch: int = 0
    ms: float = 0.0
    images_per_second: float = 0.0
    of_bandwidth: float | None = None
    of_roofline: float | None = None
    failure: str = ""

    def __str__(self) -> str:
        head = f"| {self.network} | {self.runtime} | {self.precision} | {self.side} "
        if self.failure:
            return f"{head}| | | | | {self.failure} |"
        shares = (
            "" if share is None else f"{share:.0%}"
            for share in (self.of_bandwidth, self.of_roofline)
        )
        return (
            f"{head}| {self.batch} | {self.ms:.2f} | {self.images_per_second:.1f} "
            f"| {' | '.join(shares)} |"
        )


HEADER = (
    "| network | runtime | precision | side | batch | ms | images/s "
    "| of bandwidth | of roofline |\n" + "| --- " * 9 + "|"
)


def subjects(device: str) -> Iterator[Subject]:
    """Yield what is measured on `device`, the peer first."""
    if device == "cpu":
        for network in (PEER, "compact"):
            yield Subject(network, "eager", False)
            yield Subject(network, "cpu", False)
        return
    yield Subject(PEER, "eager", False)
    yield Subject(PEER, "compiled", True)
    for network in ("compact", "large"):
        for runtime in ("compiled", "cuda", "tensorrt"):
            for half in (False, True):
                yield Subject(network, runtime, half)


def prepared(subject: Subject, device: str) -> Run:
    """Return the call that paints a batch, N×3×H×W on `device`."""
    styles = 1 if subject.network == PEER else STYLES
    network = build_network(subject.network, styles).eval()
    if subject.runtime in ("eager", "compiled"):
        return _in_torch(network, styles, subject, device)
    return _in_onnx_runtime(network, styles, subject)


def _in_torch(network: nn.Module, styles: int, subject: Subject, device: str) -> Run:
    dtype = torch.float16 if subject.half else torch.float32
    network = network.to(device, dtype).to(memory_format=torch.channels_last)
    call: Callable[..., object] = network
    if subject.runtime == "compiled":
        call = torch.compile(network, mode="reduce-overhead")
    row = torch.eye(styles, device=device, dtype=dtype)[-1:]

    def run(batch: Tensor) -> object:
        image = batch.to(dtype, memory_format=torch.channels_last)
        with torch.inference_mode():
            return call(image, row.expand(len(batch), -1))

    return run


def _in_onnx_runtime(network: nn.Module, styles: int, subject: Subject) -> Run:
    import onnxruntime
    from roofline import graph_of

    from styletransfer.export.precision import to_half

    graph = graph_of(subject.network, styles)
    model = to_half(graph) if subject.half else graph
    names = {name.lower(): name for name in onnxruntime.get_available_providers()}
    provider = names.get(f"{subject.runtime}executionprovider")
    if provider is None:
        raise RuntimeError("this ONNX Runtime does not have the provider")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=[provider])
    if session.get_providers()[0] != provider:
        raise RuntimeError("the provider can't be loaded")
    place = "cpu" if subject.runtime == "cpu" else "cuda"

    def run(batch: Tensor) -> object:
        row = torch.eye(styles, device=place)[-1:].expand(len(batch), -1).contiguous()
        output = torch.empty_like(batch)
        binding = session.io_binding()
        for name, value in (("image", batch), ("style_weights", row)):
            binding.bind_input(name, place, 0, "float32", value.shape, value.data_ptr())
        binding.bind_output("stylized", place, 0, "float32", output.shape, output.data_ptr())
        session.run_with_iobinding(binding)
        return output

    return run


def seconds(run: Run, batch: Tensor) -> float:
    """Return the median time of one call, after three to warm up."""
    for _ in range(3):
        run(batch)
    wait(batch)
    times: list[float] = []
    while len(times) < RUNS and sum(times) < SECONDS:
        start = time.perf_counter()
        run(batch)
        wait(batch)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def wait(batch: Tensor) -> None:
    """Wait until the device has done what it was given."""
    if batch.is_cuda:
        torch.cuda.synchronize()


def measure(subject: Subject, side: int, device: str) -> list[Row]:
    """Return the rows of one subject at one side: batch 1, and the best batch."""
    row = Row(subject.network, subject.runtime, "float16" if subject.half else "float32", side)
    try:
        run = prepared(subject, device)
        best = [_filled(row, seconds(run, _batch(1, side, device)), 1)]
    # Whatever a runtime brings up, the others are still of interest.
    except Exception as error:
        row.failure = f"{type(error).__name__}: {error}".partition("\n")[0][:100]
        return [row]
    count = 2
    while count <= LARGEST_BATCH[device]:
        try:
            tried = _filled(row, seconds(run, _batch(count, side, device)), count)
        except (RuntimeError, MemoryError):  # out of memory
            break
        if tried.images_per_second < GAIN * best[-1].images_per_second:
            break
        best = [best[0], tried]
        count *= 2
    return best


def _batch(count: int, side: int, device: str) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, side, side, generator=generator).to(device)


def _filled(row: Row, taken: float, batch: int) -> Row:
    return Row(row.network, row.runtime, row.precision, row.side, batch, 1e3 * taken, batch / taken)


def add_shares(rows: list[Row], device: str) -> None:
    """Fill in the shares, where `onnx` is there to count the work of the graphs."""
    try:
        from roofline import H100, count, graph_of, this_machine
    except ImportError as error:
        print(f"no shares: {error}")
        return
    cpu = this_machine() if device == "cpu" else None
    for name in {row.network for row in rows if not row.failure}:
        graph = graph_of(name, 1 if name == PEER else STYLES)
        for row in (one for one in rows if one.network == name and not one.failure):
            size = 2 if row.precision == "float16" else 4
            work, machine = count(graph, size), cpu or H100[size]
            pixels, taken = row.batch * row.side**2, row.ms / 1e3
            row.of_bandwidth = work.bytes * pixels / machine.bandwidth / taken
            row.of_roofline = work.least_seconds(machine, pixels) / taken


@click.command()
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path))
@click.option("--minutes", default=8.0, show_default=True, help="Begin no row after this time.")
def main(folder: Path, minutes: float) -> None:
    """Measure, print a table, and write it with its figures to FOLDER."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    end = time.monotonic() + 60 * minutes
    rows: list[Row] = []
    for side in GPU_SIDES if device == "cuda" else CPU_SIDES:
        for subject in subjects(device):
            if time.monotonic() < end:
                rows += measure(subject, side, device)
    add_shares(rows, device)
    table = "\n".join([f"{name}, torch {torch.__version__}\n", HEADER, *map(str, rows)])
    print(table)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gpu.md").write_text(table + "\n")
    figures = {"device": name, "torch": torch.__version__, "rows": [asdict(row) for row in rows]}
    (folder / "gpu.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

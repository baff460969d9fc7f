"""Running one session from any thread, its buffers reused and its memory given back."""

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from styletransfer.errors import ModelError, WorkError
from styletransfer.export.format import OUTPUT
from styletransfer.images import Array

# The providers whose memory a program can hold, and what ONNX Runtime calls that memory.
DEVICES = {"cuda": "cuda", "tensorrt": "cuda"}
# Those that must not be called by two threads at a time.
SERIAL = ("directml",)
# Up to so many values of image, a run's memory is not worth giving back: about 200 MB.
SMALL = 3 * 1024 * 1024


class Runner:
    """Runs a session of a styletransfer model on the inputs given; any number of threads may.

    ONNX Runtime keeps the memory of the largest picture for the next. To give it back after
    every picture costs large ones a third of their time, and never to do so fills a server; so
    the first picture of less than a quarter of the largest since gives it back.
    """

    def __init__(self, session: Any, provider: str) -> None:
        """`provider` is the short name of what the session runs on."""
        device = DEVICES.get(provider)
        self._session = session
        self._buffers = _DeviceBuffers(session, device) if device else None
        self._turn: AbstractContextManager[object] = nullcontext()
        if provider in SERIAL:
            self._turn = threading.Lock()
        self._arena = "gpu:0" if device == "cuda" else "cpu:0"
        self._largest = 0

    def __call__(self, feed: Mapping[str, Array]) -> Array:
        """Return the output for `feed`, float32 and C-contiguous, in memory of its own.

        Raises:
            WorkError: ONNX Runtime fails.
            ModelError: The output has another shape than the image.
        """
        options = self._options(feed["image"].size)
        output: Array
        with self._turn:
            try:
                if self._buffers is not None:
                    output = self._buffers.run(feed, options)
                else:
                    output = self._session.run([OUTPUT], feed, options)[0]
            # ONNX Runtime's exceptions share no base class but this one.
            except Exception as error:
                raise _failure(error, feed["image"]) from None
        if output.shape != feed["image"].shape:
            made, given = ("×".join(map(str, a.shape)) for a in (output, feed["image"]))
            raise ModelError(f"the model makes {made} of {given}, and it must keep the shape")
        return output

    def _options(self, size: int) -> Any:
        # Two threads may both read the old largest: then memory is given back twice or a run late.
        if size > self._largest // 4 or self._largest <= SMALL:
            self._largest = max(self._largest, size)
            return None
        self._largest = size
        import onnxruntime

        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", self._arena)
        return options


def _failure(error: Exception, image: Array) -> WorkError:
    """Return the error for a run that failed.

    ONNX Runtime has no type for a lack of memory, so the remedy for it is always named.
    """
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    height, width = image.shape[2:]
    return WorkError(
        f"the model fails on {width}×{height} pixels ({reason}); "
        "if memory is what it lacks, a smaller --short-side takes less"
    )


@dataclass
class _Buffers:
    shapes: dict[str, tuple[int, ...]]
    binding: Any
    inputs: dict[str, Any]
    output: Any


class _DeviceBuffers:
    """Inputs and output in device memory, for each thread its own, until the size changes."""

    def __init__(self, session: Any, device: str) -> None:
        self._session = session
        self._device = device
        self._of_thread = threading.local()

    def run(self, feed: Mapping[str, Array], options: Any) -> Array:
        shapes = {name: array.shape for name, array in feed.items()}
        buffers: _Buffers | None = getattr(self._of_thread, "buffers", None)
        if buffers is None or buffers.shapes != shapes:
            # The old ones go before the new ones come: a device has no memory to spare.
            self._of_thread.buffers = buffers = None
            self._of_thread.buffers = buffers = self._allocated(shapes)
        for name, array in feed.items():
            buffers.inputs[name].update_inplace(np.ascontiguousarray(array))
        buffers.binding.synchronize_inputs()
        self._session.run_with_iobinding(buffers.binding, options)
        buffers.binding.synchronize_outputs()
        # A copy: on the CPU, where this is tested, the array is the buffer itself.
        return np.array(buffers.output.numpy())

    def _allocated(self, shapes: dict[str, tuple[int, ...]]) -> _Buffers:
        from onnxruntime import OrtValue

        def empty(shape: tuple[int, ...]) -> Any:
            return OrtValue.ortvalue_from_shape_and_type(shape, np.float32, self._device, 0)

        binding = self._session.io_binding()
        inputs = {name: empty(shape) for name, shape in shapes.items()}
        output = empty(shapes["image"])
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        binding.bind_ortvalue_output(OUTPUT, output)
        return _Buffers(shapes, binding, inputs, output)

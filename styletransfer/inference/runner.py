"""Run a session from any thread, reuse its buffers, and release its memory."""

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from styletransfer.errors import ModelError, WorkError
from styletransfer.export import OUTPUT
from styletransfer.images import Array

# Providers with device memory that a program can allocate, and its name in ONNX Runtime.
DEVICES = {"cuda": "cuda", "tensorrt": "cuda"}
# Providers that must not be called by two threads at once.
SERIAL = ("directml",)
# Size of an image in values up to which memory, about 200 MB, is never released.
SMALL = 3 * 1024 * 1024


class Runner:
    """Run a session of a styletransfer model. Any number of threads may share a runner.

    ONNX Runtime keeps the memory of the largest picture. If it were released after every picture,
    large ones would take a third longer; if never, it would stay in use on a server. So it is
    released by the first picture that has less than a quarter of the size of the largest.
    """

    def __init__(self, session: Any, provider: str) -> None:
        """Wrap a session.

        Args:
            session: Session of ONNX Runtime.
            provider: Short name of its provider.
        """
        device = DEVICES.get(provider)
        self._session = session
        self._buffers = _DeviceBuffers(session, device) if device else None
        self._turn: AbstractContextManager[object] = nullcontext()
        if provider in SERIAL:
            self._turn = threading.Lock()
        self._arena = "gpu:0" if device == "cuda" else "cpu:0"
        self._largest = 0

    def __call__(self, feed: Mapping[str, Array]) -> Array:
        """Run the session.

        Args:
            feed: Arrays by the names of the inputs.

        Returns:
            The output, a new C-contiguous float32 array.

        Raises:
            WorkError: ONNX Runtime fails.
            ModelError: The shape of the output is not that of the image.
        """
        options = self._options(feed["image"].size)
        output: Array
        with self._turn:
            try:
                if self._buffers is not None:
                    output = self._buffers.run(feed, options)
                else:
                    output = self._session.run([OUTPUT], feed, options)[0]
            # The exceptions of ONNX Runtime have no other common base class.
            except Exception as error:
                raise _failure(error, feed["image"]) from None
        if output.shape != feed["image"].shape:
            made, given = ("×".join(map(str, a.shape)) for a in (output, feed["image"]))
            raise ModelError(f"the model turns {given} into {made}, but must keep the shape")
        return output

    def _options(self, size: int) -> Any:
        # Without a lock: at worst memory is released twice, or one run later.
        if size > self._largest // 4 or self._largest <= SMALL:
            self._largest = max(self._largest, size)
            return None
        self._largest = size
        return shrinking(self._arena)

    def release(self, feed: Mapping[str, Array]) -> None:
        """Release the memory of earlier pictures now, by a run on a small one."""
        if self._largest:
            self._largest = feed["image"].size
            with self._turn:
                self._session.run([OUTPUT], feed, shrinking(self._arena))


def shrinking(arena: str) -> Any:
    """Return options for a run that releases what it does not need of an arena, as `cpu:0`."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", arena)
    return options


def _failure(error: Exception, image: Array) -> WorkError:
    """Return the error for a failed run.

    ONNX Runtime has no error type for too little memory, so the message always names that remedy.
    """
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    height, width = image.shape[2:]
    return WorkError(
        f"the model fails on {width}×{height} pixels ({reason}); "
        "if there is too little memory, use a smaller --short-side"
    )


@dataclass
class _Buffers:
    shapes: dict[str, tuple[int, ...]]
    binding: Any
    inputs: dict[str, Any]
    output: Any


class _DeviceBuffers:
    """Inputs and output in device memory. Each thread keeps its own until the size changes."""

    def __init__(self, session: Any, device: str) -> None:
        self._session = session
        self._device = device
        self._of_thread = threading.local()

    def run(self, feed: Mapping[str, Array], options: Any) -> Array:
        shapes = {name: array.shape for name, array in feed.items()}
        buffers: _Buffers | None = getattr(self._of_thread, "buffers", None)
        if buffers is None or buffers.shapes != shapes:
            # Release the old buffers first, because memory of a device is scarce.
            self._of_thread.buffers = buffers = None
            self._of_thread.buffers = buffers = self._allocated(shapes)
        for name, array in feed.items():
            buffers.inputs[name].update_inplace(np.ascontiguousarray(array))
        buffers.binding.synchronize_inputs()
        self._session.run_with_iobinding(buffers.binding, options)
        buffers.binding.synchronize_outputs()
        # Copy it: on the CPU, which the tests use, the array would be the buffer itself.
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

"""Choose the execution provider of ONNX Runtime, by short names such as `cuda`.

- `auto` uses a GPU if this build of ONNX Runtime has `cuda`, `rocm` or `directml`, else the CPU.
  It never chooses `tensorrt`, `coreml` and others that compile the model again for each size.
- A provider that this build does not have is an error.
- A provider that cannot be loaded on this machine is replaced by the CPU, with a warning in the
  log. `Stylizer.provider` is the one in use.
"""

import io
import logging
from collections.abc import Mapping
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

from styletransfer.errors import ProviderError

AUTO = "auto"
CPU = "cpu"
PREFERRED = ("cuda", "rocm", "directml")

# Names of ONNX Runtime without "ExecutionProvider" that differ from the usual names.
_RENAMED = {"dml": "directml"}
# It sends the model to a web service, and supports none of our operators.
_REMOTE = "AzureExecutionProvider"
_CUDA_OPTIONS = {
    # The default tries every algorithm for each new size, which takes seconds.
    "cudnn_conv_algo_search": "HEURISTIC",
    # The default doubles the memory for each larger picture.
    "arena_extend_strategy": "kSameAsRequested",
    # For the same picture on every device. The fp16 file is for tensor cores.
    "use_tf32": "0",
}

_log = logging.getLogger(__name__)


def available_providers() -> dict[str, str]:
    """Return the providers of this build of ONNX Runtime: its names by our short names."""
    import onnxruntime

    own = [name for name in onnxruntime.get_available_providers() if name != _REMOTE]
    return {_short(name): name for name in own}


def choose_provider(name: str, available: Mapping[str, str]) -> str:
    """Return the short name of the provider to use.

    Args:
        name: A short name, or `auto`.
        available: The providers that there are, from `available_providers`.

    Raises:
        ProviderError: `name` is not in `available`.
    """
    if name == AUTO:
        return next((one for one in PREFERRED if one in available), CPU)
    if name not in available:
        raise ProviderError(
            f"provider {name!r} is not in this build of ONNX Runtime; "
            f"there are {', '.join((AUTO, *available))}"
        )
    return name


def open_session(
    model: Path | bytes,
    *,
    provider: str = AUTO,
    threads: int | None = None,
    shared_memory: bool = False,
) -> tuple[Any, str]:
    """Open a session of ONNX Runtime.

    Args:
        model: A model file, or the bytes of one.
        provider: A short name, or `auto`.
        threads: Number of CPU threads; None for one for each core.
        shared_memory: Whether the session shares the CPU memory of other such sessions. This is
            for sessions that run one after the other.

    Returns:
        The session and the short name of its provider.

    Raises:
        ProviderError: This build of ONNX Runtime does not have the provider.
        Exception: ONNX Runtime cannot open the model.
    """
    available = available_providers()
    name = choose_provider(provider, available)
    options = _options(threads, shared_memory)
    session, reason = None, ""
    if name != CPU:
        session, reason = _try(model, name, available, options)
    if session is None:
        session = _session(model, [available[CPU]], options)
        if name != CPU:
            _log.warning("provider %s can't be used (%s); running on the CPU", name, reason)
            name = CPU
    return session, name


def _try(
    model: Path | bytes, name: str, available: Mapping[str, str], options: Any
) -> tuple[Any, str]:
    """Open a session on the provider `name`. Return it, or None and the reason."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)  # the caller reports the reason in one line
    providers: list[Any] = [available[name], available[CPU]]
    reason = "ONNX Runtime could not load it; are its driver and libraries installed?"
    if name in ("cuda", "tensorrt"):
        providers = [available["tensorrt"]] if name == "tensorrt" else []
        if "cuda" in available:
            providers.append((available["cuda"], _CUDA_OPTIONS))
        providers.append(available[CPU])
        reason = _preload_cuda() or reason
    try:
        session = _session(model, providers, options)
    # The exceptions of ONNX Runtime have no other common base class.
    except Exception as error:
        return None, str(error).strip().partition("\n")[0]
    # If the libraries of a provider are missing, ONNX Runtime leaves it out without an error.
    return (session, "") if available[name] in session.get_providers() else (None, reason)


def _session(model: Path | bytes, providers: list[Any], options: Any) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(
        model if isinstance(model, bytes) else str(model),
        sess_options=options,
        providers=providers,
        enable_fallback=0,  # it would print four lines and hide the failure from us
    )


def _options(threads: int | None, shared_memory: bool) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # a failure is reported once, by the exception
    # A thread that spins while it waits would occupy the core that another session needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if shared_memory:
        _register_shared_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
        # A memory pattern would reserve half as much again for each size of pictures.
        options.enable_mem_pattern = False
    return options


@cache
def _register_shared_memory() -> None:
    """Register the shared memory, once for the process."""
    import onnxruntime

    arena, default = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType
    memory = onnxruntime.OrtMemoryInfo("Cpu", arena, 0, default.DEFAULT)
    onnxruntime.create_and_register_allocator(memory, None)


def _preload_cuda() -> str:
    """Load the libraries of CUDA and cuDNN from pip packages. Return the first error, if any."""
    import onnxruntime

    with redirect_stdout(io.StringIO()) as said:
        onnxruntime.preload_dlls()
    return said.getvalue().strip().partition("\n")[0]


def _short(name: str) -> str:
    short = name.removesuffix("ExecutionProvider").lower()
    return _RENAMED.get(short, short)

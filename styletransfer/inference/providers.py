"""Where a model runs: ONNX Runtime's execution providers, under the short names users give.

- `auto` takes a GPU where this build of ONNX Runtime has a provider for one that takes pictures
  of any size at once (`cuda`, `rocm`, `directml`), else the CPU. Providers that compile the model
  anew for each size, such as `tensorrt` and `coreml`, are used if asked for by name.
- A name that this build lacks is an error, which names those that it has.
- A provider that this build has, but that can't be loaded on this machine, is replaced by the
  CPU. That is logged as a warning, which Python writes to stderr unless told otherwise, and
  `Stylizer.provider` says what came of it.
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

# What ONNX Runtime calls them, less "ExecutionProvider", where that is not what users do.
_RENAMED = {"dml": "directml"}
# Passes the model to a web service; it runs none of our operators.
_REMOTE = "AzureExecutionProvider"
_CUDA_OPTIONS = {
    # The default tries every algorithm for every new size, which takes seconds each time.
    "cudnn_conv_algo_search": "HEURISTIC",
    # The default doubles the memory whenever a larger picture comes.
    "arena_extend_strategy": "kSameAsRequested",
    # So that fp32 means the same picture everywhere; the fp16 file is there for tensor cores.
    "use_tf32": "0",
}

_log = logging.getLogger(__name__)


def available_providers() -> dict[str, str]:
    """Return the providers in this build of ONNX Runtime: short names, and its own."""
    import onnxruntime

    own = [name for name in onnxruntime.get_available_providers() if name != _REMOTE]
    return {_short(name): name for name in own}


def choose_provider(name: str, available: Mapping[str, str]) -> str:
    """Return the short name of the provider that `name`, maybe `auto`, stands for.

    Raises ProviderError for one that is not in `available`.
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
    """Open a model file, or its bytes; return the session and the short name of its provider.

    Sessions with `shared_memory` take the CPU's memory from one store, where each else keeps its
    own: for sessions that run one after the other.

    Raises ProviderError, and whatever ONNX Runtime does for a model that it can't run.
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
    """Open a session on the provider `name`; return it, or None and the reason."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)  # the reason is told in one line, by the caller
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
    # ONNX Runtime's exceptions share no base class but this one.
    except Exception as error:
        return None, str(error).strip().partition("\n")[0]
    # ONNX Runtime leaves out, without an exception, a provider whose libraries are missing.
    return (session, "") if available[name] in session.get_providers() else (None, reason)


def _session(model: Path | bytes, providers: list[Any], options: Any) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(
        model if isinstance(model, bytes) else str(model),
        sess_options=options,
        providers=providers,
        enable_fallback=0,  # it would print four lines, and run on without a word to the caller
    )


def _options(threads: int | None, shared_memory: bool) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # a failure reaches the user once, as an exception
    # A thread that spins while it waits takes the core that another session needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if shared_memory:
        _register_shared_memory()
        options.add_session_config_entry("session.use_env_allocators", "1")
        # A pattern reserves what a run takes in one piece: half as much again, for each size.
        options.enable_mem_pattern = False
    return options


@cache
def _register_shared_memory() -> None:
    """Once for a process: ONNX Runtime has one such store."""
    import onnxruntime

    arena, default = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType
    memory = onnxruntime.OrtMemoryInfo("Cpu", arena, 0, default.DEFAULT)
    onnxruntime.create_and_register_allocator(memory, None)


def _preload_cuda() -> str:
    """Load CUDA and cuDNN as pip installs them; return the first complaint, if there is one."""
    import onnxruntime

    with redirect_stdout(io.StringIO()) as said:
        onnxruntime.preload_dlls()
    return said.getvalue().strip().partition("\n")[0]


def _short(name: str) -> str:
    short = name.removesuffix("ExecutionProvider").lower()
    return _RENAMED.get(short, short)

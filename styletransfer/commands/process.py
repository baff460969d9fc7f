"""Run a command line as a process: its streams, its signals and its exit status.

This module imports as little as possible, so that Ctrl-C is handled from the start.
"""

import os
import signal
import sys

TYPE_CHECKING = False  # while `typing` is imported, Ctrl-C would show a traceback
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

INTERRUPTED = 130
_arrived = False


def run_process(module: str, words: "Sequence[str]" = ()) -> "NoReturn":
    """Call `main` of a module with `words`, and end the process with its exit status."""
    _open_missing_streams()
    # Otherwise ONNX Runtime sends usage reports, and warns on stderr if it cannot store an ID.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    # A shell makes a process in the background ignore Ctrl-C. Keep that.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        import importlib

        main = importlib.import_module(module).main
        main(words) if words else main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        if not (_arrived or isinstance(error, KeyboardInterrupt)):
            raise
        _say("Error: interrupted before the work began; nothing was written")
        status = INTERRUPTED
    status = _flush(status)
    if status == INTERRUPTED:
        os._exit(status)  # threads of native libraries would abort a normal exit
    sys.exit(status)


def interrupted() -> bool:
    """Tell whether Ctrl-C has arrived. Native code may turn its exception into another one."""
    return _arrived


def _interrupt(_signal: int, _frame: "Any") -> None:
    global _arrived
    if _arrived:  # a second Ctrl-C does not wait for the cleanup
        os._exit(INTERRUPTED)
    _arrived = True
    raise KeyboardInterrupt


def _open_missing_streams() -> None:
    """Connect a closed stdin, stdout or stderr to the null device.

    Otherwise the next file that is opened takes the stream's number, and what a library writes to
    stderr ends up in the user's picture.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w"))


def _flush(status: int) -> int:
    """Flush stdout. A full disk or a closed pipe gives an exit status, not a traceback."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = status or 1
    except OSError as error:
        if status == 0:
            _say(f"Error: standard output: {error.strerror}")
        status = status or 1
    else:
        return status
    # Python flushes stdout again when the process ends: let it go nowhere.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    return status


def _say(line: str) -> None:
    import contextlib

    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)

"""One command line as a whole process: its streams, its signals and its exit status.

Nothing is imported here before Ctrl-C is handled, so it is one line at any moment.
"""

import os
import signal
import sys

TYPE_CHECKING = False  # `typing` takes a while, in which Ctrl-C would be a traceback
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

INTERRUPTED = 130
_arrived = False


def run_process(module: str, words: "Sequence[str]" = ()) -> "NoReturn":
    """Call `main` of a module with `words`, and end the process with its exit status."""
    _open_missing_streams()
    # ONNX Runtime would send reports, and warns on stderr where it cannot keep an identifier.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    # A shell that starts a process in the background has it ignore Ctrl-C; that stays so.
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
        os._exit(status)  # threads of native libraries would abort the process on the way out
    sys.exit(status)


def interrupted() -> bool:
    """Whether Ctrl-C has arrived: native code may turn its exception into another one."""
    return _arrived


def _interrupt(_signal: int, _frame: "Any") -> None:
    global _arrived
    if _arrived:  # a second Ctrl-C does not wait for what the first one has to clean up
        os._exit(INTERRUPTED)
    _arrived = True
    raise KeyboardInterrupt


def _open_missing_streams() -> None:
    """Give a closed stdin, stdout or stderr the null device.

    Python sets such a stream to None, and the next file opened takes its number: then what a
    library writes to stderr would land in the user's picture.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w"))


def _flush(status: int) -> int:
    """Write out what is buffered; a full disk or a closed pipe is an exit status, no traceback."""
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
    # What Python flushes at the end of the process goes nowhere.
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    return status


def _say(line: str) -> None:
    import contextlib

    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)

"""The greatest memory of a command, run as a process of its own."""

import subprocess
import sys
from pathlib import Path

CAN_MEASURE = Path("/proc/self/status").exists()

# The peak of this process alone: what `resource` tells counts that of the parent, too.
_CALL = """
import atexit, re
status = open("/proc/self/status")
atexit.register(lambda: print(1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1])))
from styletransfer.commands.main import main
main()
"""


def peak_of(*words: object) -> tuple[subprocess.CompletedProcess[str], int]:
    """Run `styletransfer` with these words. Return the result, and its greatest memory in bytes."""
    line = [sys.executable, "-c", _CALL, *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return done, int(done.stdout.splitlines()[-1])

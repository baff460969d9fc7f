"""How much memory a run may take for the pictures that are under way."""

import os
from contextlib import suppress
from pathlib import Path

BYTES_A_PIXEL = 256  # while it is stylized: 175 measured in ONNX Runtime, and its copies


def memory_bytes() -> int:
    """Return how much memory this process may have: that of the machine, or of its container."""
    sizes = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    with suppress(OSError, ValueError):  # no container, or one without a limit
        sizes.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(sizes)


def picture_bytes() -> int:
    """Return how many bytes the pictures may take that are in memory at one time."""
    return memory_bytes() // 4

"""Settings of all tests."""

import os

# Two test processes, or a test beside other work, would otherwise fight for the same cores.
os.environ.setdefault("OMP_NUM_THREADS", "2")

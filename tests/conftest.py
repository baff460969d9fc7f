"""One thread and one seed for all tests, and an interrupt that their processes hear."""

import random
import signal
from collections.abc import Iterator

import pytest
import torch

# What runs in the background of a shell ignores Ctrl-C, and so do the processes that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """What the tests compute is small: more threads only wait for busy cores, 15 times longer."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def one_seed() -> None:
    """A test draws the same numbers alone, after others, and beside others."""
    random.seed(0)
    torch.manual_seed(0)

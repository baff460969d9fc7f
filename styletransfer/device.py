"""Choose the PyTorch device for the text of `--device`."""

import re

import torch

from styletransfer.errors import DeviceError


def choose_device(text: str) -> torch.device:
    """Return the device that a text names.

    Args:
        text: `cpu`, `cuda`, `cuda:1`, `mps`, or `auto`, which takes the first that this machine
            has of CUDA, MPS and the CPU.

    Raises:
        DeviceError: The text names no device, or this machine does not have it.
    """
    here = ["cpu"]
    if torch.backends.mps.is_available():
        here.insert(0, "mps")
    here[:0] = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    wanted = {"auto": here[0], "cuda": "cuda:0"}.get(text, text)
    if wanted in here:
        return torch.device(wanted)
    known = re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text)
    fault = "is not on this machine" if known else "is no device"
    raise DeviceError(f"device {text!r} {fault}; there are auto, {', '.join(here)}")

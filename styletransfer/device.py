"""Choose the PyTorch device for the text of `--device`."""

import re

import torch

from styletransfer.errors import DeviceError


def devices() -> list[str]:
    """Return the devices of this machine: those of CUDA, MPS, the CPU."""
    here = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return [*here, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


def check_accelerator(name: object) -> None:
    """Refuse an accelerator of Lightning, such as "gpu", of which this machine has no device.

    Raises:
        DeviceError: There is no such device here. The message names those that there are.
    """
    kinds = {"cuda": ("cuda",), "mps": ("mps",), "gpu": ("cuda", "mps")}.get(str(name))
    here = devices()
    if kinds and not any(device.startswith(kinds) for device in here):
        raise DeviceError(f"no device {name!r} is on this machine; there are {', '.join(here)}")


def multiplies_bfloat16(device: torch.device) -> bool:
    """Tell whether a device multiplies bfloat16 faster than float32: newer GPUs, some CPUs."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return device.type == "cpu" and any(able.get(unit) for unit in ("avx512_bf16", "amx_bf16"))


def choose_device(text: str) -> torch.device:
    """Return the device that a text names.

    Args:
        text: `cpu`, `cuda`, `cuda:1`, `mps`, or `auto`, which takes the first that this machine
            has of CUDA, MPS and the CPU.

    Raises:
        DeviceError: The text names no device, or this machine does not have it.
    """
    here = devices()
    wanted = {"auto": here[0], "cuda": "cuda:0"}.get(text, text)
    if wanted in here:
        return torch.device(wanted)
    known = re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text)
    fault = "is not on this machine" if known else "is no device"
    raise DeviceError(f"device {text!r} {fault}; there are auto, {', '.join(here)}")

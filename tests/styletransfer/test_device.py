"""Devices by the words of `--device`; the machine is a stand-in where it lacks them."""

import pytest
import torch

from styletransfer.device import check_accelerator, choose_device, multiplies_bfloat16
from styletransfer.errors import DeviceError


@pytest.mark.parametrize(
    ("gpus", "mps", "text", "device"),
    [
        (0, False, "auto", "cpu"),
        (0, True, "auto", "mps"),
        (2, True, "auto", "cuda:0"),
        (2, True, "mps", "mps"),
        (2, False, "cuda", "cuda:0"),
        (2, False, "cuda:1", "cuda:1"),
        (2, False, "cpu", "cpu"),
    ],
)
def test_the_device_that_a_word_means(
    monkeypatch: pytest.MonkeyPatch, gpus: int, mps: bool, text: str, device: str
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert choose_device(text) == torch.device(device)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cuda:2", "'cuda:2' is not on this machine; there are auto, cuda:0, cuda:1, cpu"),
        ("mps", "'mps' is not on this machine"),
        ("gpu", "'gpu' is no device"),
        ("", "'' is no device"),
        ("cuda:-1", "'cuda:-1' is no device"),
    ],
)
def test_devices_that_are_not_here(monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=said):
        choose_device(text)


@pytest.mark.parametrize(
    ("gpus", "mps", "name", "refused"),
    [
        (0, False, "gpu", True),
        (0, False, "cuda", True),
        (0, True, "cuda", True),
        (0, True, "gpu", False),
        (1, False, "gpu", False),
        (1, False, "mps", True),
        (0, False, "auto", False),
        (0, False, "cpu", False),
    ],
)
def test_accelerators(
    monkeypatch: pytest.MonkeyPatch, gpus: int, mps: bool, name: str, refused: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    if not refused:
        check_accelerator(name)
        return
    with pytest.raises(
        DeviceError, match=f"no device '{name}' is on this machine; there are .*cpu"
    ):
        check_accelerator(name)


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"avx512_f": True, "avx512_bf16": False}, False),
        ({"architecture": "aarch64"}, False),
    ],
)
def test_cpus_that_multiply_bfloat16(
    monkeypatch: pytest.MonkeyPatch, able: dict[str, object], expected: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert multiplies_bfloat16(torch.device("cpu")) == expected
    assert not multiplies_bfloat16(torch.device("mps"))

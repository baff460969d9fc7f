"""What a provider's name stands for, and what happens where it can't be had.

Providers that this machine lacks are played by a double of ONNX Runtime's session.
"""

import logging
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from styletransfer.inference import Stylizer
from styletransfer.inference.model import ModelError, open_model
from styletransfer.inference.providers import (
    ProviderError,
    available_providers,
    choose_provider,
    open_session,
)
from tests.styletransfer.tiny_model import tiny_model

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
TENSORRT, DIRECTML = "TensorrtExecutionProvider", "DmlExecutionProvider"
COREML, AZURE = "CoreMLExecutionProvider", "AzureExecutionProvider"


class Session:
    """In place of an InferenceSession: which providers load, and which raise, is up to a test."""

    loads: tuple[str, ...] = (CPU,)
    fails: tuple[str, ...] = ()

    def __init__(self, model: str, *, providers: list[Any], **options: Any) -> None:
        self.asked = {
            p[0]: p[1] for p in (q if isinstance(q, tuple) else (q, {}) for q in providers)
        }
        self.options = options
        for name in self.asked:
            if name in self.fails:
                raise RuntimeError(f"{name} says no\nand more")

    def get_providers(self) -> list[str]:
        return [name for name in self.asked if name in self.loads]


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make ONNX Runtime one that was built with `has`, of which `loads` load and `fails` raise."""

    def make(has: tuple[str, ...], loads: tuple[str, ...], fails: tuple[str, ...] = ()) -> None:
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*has, CPU])
        monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
        monkeypatch.setattr(onnxruntime, "set_default_logger_severity", lambda level: None)
        monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
        monkeypatch.setattr(Session, "loads", (*loads, CPU))
        monkeypatch.setattr(Session, "fails", fails)

    return make


@pytest.mark.parametrize(
    ("has", "auto"),
    [
        ((), "cpu"),
        ((TENSORRT, CUDA), "cuda"),
        ((DIRECTML,), "directml"),
        ((COREML,), "cpu"),
        ((TENSORRT,), "cpu"),
    ],
)
def test_auto_takes_a_gpu_that_takes_any_size(build: Any, has: tuple[str, ...], auto: str) -> None:
    build(has, loads=has)
    assert choose_provider("auto", available_providers()) == auto


def test_short_names_and_no_web_service(build: Any) -> None:
    build((TENSORRT, CUDA, AZURE, DIRECTML, COREML), loads=())
    assert available_providers() == {
        "tensorrt": TENSORRT,
        "cuda": CUDA,
        "directml": DIRECTML,
        "coreml": COREML,
        "cpu": CPU,
    }


@pytest.mark.parametrize("name", ["coreml", "gpu", "azure", "", "CUDAExecutionProvider"])
def test_a_provider_that_this_build_lacks(build: Any, tmp_path: Path, name: str) -> None:
    build((CUDA, AZURE), loads=(CUDA,))
    with pytest.raises(ProviderError) as caught:
        open_model(tiny_model(tmp_path / "m.onnx"), provider=name)
    assert f"{name!r} is not in this build" in str(caught.value)
    assert str(caught.value).endswith("there are auto, cuda, cpu")


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("auto", [CUDA, CPU]),
        ("cuda", [CUDA, CPU]),
        ("tensorrt", [TENSORRT, CUDA, CPU]),
        ("coreml", [COREML, CPU]),
        ("cpu", [CPU]),
    ],
)
def test_the_session_asks_for_it_with_the_cpu_behind(
    build: Any, name: str, order: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    build((TENSORRT, CUDA, COREML), loads=(TENSORRT, CUDA, COREML))
    session, used = open_session(b"", provider=name)
    assert list(session.asked) == order
    assert used == ("cuda" if name == "auto" else name)
    assert not caplog.records
    if CUDA in order:
        assert session.asked[CUDA]["cudnn_conv_algo_search"] == "HEURISTIC"


@pytest.mark.parametrize("name", ["auto", "cuda"])
@pytest.mark.parametrize("raises", [True, False])
def test_one_that_does_not_load_is_replaced_by_the_cpu_and_said_so_in_a_line(
    build: Any, name: str, raises: bool, caplog: pytest.LogCaptureFixture
) -> None:
    build((CUDA,), loads=(), fails=(CUDA,) if raises else ())
    session, used = open_session(b"", provider=name)
    assert used == "cpu" and list(session.asked) == [CPU]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    why = f"{CUDA} says no" if raises else "are its driver and libraries installed?"
    assert record.message.startswith("provider cuda can't be used") and why in record.message
    assert record.message.endswith("running on the CPU") and "\n" not in record.message


def test_the_reason_is_the_library_that_is_missing(
    build: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    build((CUDA,), loads=())
    complaint = "Failed to load libcudnn.so.9: no such file\nPlease follow the manual"
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print(complaint))
    open_session(b"", provider="cuda")
    assert "(Failed to load libcudnn.so.9: no such file)" in caplog.text
    assert capsys.readouterr().out == ""


def test_tensorrt_that_does_not_load_is_not_taken_for_cuda(build: Any) -> None:
    build((TENSORRT, CUDA), loads=(CUDA,))
    assert open_session(b"", provider="tensorrt")[1] == "cpu"


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_fallback_in_the_real_runtime(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if CUDA in onnxruntime.get_available_providers():
        pytest.skip("this build of ONNX Runtime has CUDA")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    stylizer = Stylizer(tiny_model(tmp_path / "m.onnx"), threads=1, provider="cuda")
    assert stylizer.provider == "cpu"
    assert len(caplog.records) == 1
    assert capfd.readouterr().out == ""


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_file_that_is_no_model_is_not_blamed_on_the_provider(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="not an ONNX file"):
        open_model(tmp_path / "m.onnx", provider="cuda")
    assert not caplog.records


def test_by_default_the_warning_is_one_line_on_stderr(
    build: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    build((CUDA,), loads=())
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own
    open_session(b"", provider="cuda")
    written = capsys.readouterr()
    assert written.out == "" and written.err.count("\n") == 1
    assert written.err.startswith("provider cuda can't be used")

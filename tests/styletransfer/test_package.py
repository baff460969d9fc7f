"""The package: what importing it costs, and what the wheel alone does in an empty folder."""

import os
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import styletransfer
from tests.styletransfer.training.tiny import OPTIONS, make_data

ROOT = Path(__file__).parents[2]


def run(
    *command: object, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=400,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    call = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    built = run(*call, cwd=folder)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("painterly-*.whl")
    return path


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'numpy', 'PIL', 'onnxruntime', 'click'}"
    code = f"import sys, styletransfer; print({heavy} & set(sys.modules))"
    done = run(sys.executable, "-c", code, cwd=ROOT)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_the_public_names_are_those_of_the_packages() -> None:
    from styletransfer.errors import StyleTransferError
    from styletransfer.images import Picture, read_image, write_image
    from styletransfer.inference import Stylizer

    public = {
        "Picture": Picture,
        "StyleTransferError": StyleTransferError,
        "Stylizer": Stylizer,
        "read_image": read_image,
        "write_image": write_image,
    }
    assert set(styletransfer.__all__) == set(public)
    assert {name: getattr(styletransfer, name) for name in public} == public
    assert set(public) <= set(dir(styletransfer))
    with pytest.raises(AttributeError, match="no attribute 'paint'"):
        styletransfer.paint  # noqa: B018


def test_the_wheel_holds_what_it_needs_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    needed = {
        "styletransfer/checkpoints/gallery.onnx",
        "styletransfer/configs/quickstart.yaml",
        "styletransfer/configs/gallery.yaml",
        "styletransfer/py.typed",
        "interp/py.typed",
    }
    assert needed <= names
    assert not [name for name in names if name.startswith(("tests", "benchmarks"))]


def test_the_wheel_and_the_sdist_pass_twine(wheel: Path, tmp_path: Path) -> None:
    call = (sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", tmp_path, ROOT)
    assert run(*call, cwd=tmp_path).returncode == 0
    (sdist,) = tmp_path.glob("painterly-*.tar.gz")
    checked = run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist, cwd=tmp_path)
    assert (checked.returncode, checked.stdout.count("PASSED")) == (0, 2), checked.stdout
    with tarfile.open(sdist) as archive:
        tops = {name.split("/")[1] for name in archive.getnames()}
    packed = {"styletransfer", "interp", "checkpoints", "configs", "train.py", "export.py"}
    assert tops == packed | {"README.md", "LICENSE", "PKG-INFO", "pyproject.toml", ".gitignore"}


def test_the_wheel_trains_exports_and_stylizes_in_an_empty_folder(
    wheel: Path, tmp_path: Path
) -> None:
    site, empty = tmp_path / "site", tmp_path / "empty"
    zipfile.ZipFile(wheel).extractall(site)
    (about,) = map(PathDistribution, site.glob("*.dist-info"))
    assert about.metadata["Name"] == "painterly"
    commands = {point.name: point.value for point in about.entry_points}
    assert commands == {
        "styletransfer": "styletransfer.__main__:main",
        "interp": "interp.__main__:main",
    }
    empty.mkdir()
    folders = make_data(tmp_path, photographs=2)

    def call(*words: object) -> None:
        environment = {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
        done = run(sys.executable, "-m", "styletransfer", *words, cwd=empty, env=environment)
        assert done.returncode == 0, done.stderr

    small = [f"--model.network_options.{name}={value}" for name, value in OPTIONS.items()]
    call(
        *("train", "fit", "--config", "quickstart", "--trainer.max_steps", 20),
        *("--photographs", folders["photographs"], "--paintings", folders["paintings"]),
        *("--model.loss_network", "vgg16", "--model.loss_weights", "random"),
        *("--data.crop", 32, "--data.workers", 0, *small),
    )
    checkpoint = empty / "runs/quickstart/version_0/checkpoints/last.ckpt"
    samples = empty / "runs/quickstart/version_0/samples"
    assert [path.name for path in samples.iterdir()] == ["step-000020.jpg"]
    call("export", checkpoint, "mine.onnx")
    photo = next(folders["photographs"].rglob("*.png"))
    call("stylize", photo, "-o", "out.png", "--model", "mine.onnx", "--style", "painting0")
    painted, before = (np.asarray(Image.open(path)) for path in (empty / "out.png", photo))
    assert painted.shape == before.shape
    assert np.abs(painted.astype(int) - before).mean() > 1


def test_the_wheel_stylizes_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    assert run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path).returncode == 0
    binaries = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    installed = run(binaries / "python", "-m", "pip", "install", wheel, cwd=tmp_path)
    if "No matching distribution" in installed.stderr or "ConnectionError" in installed.stderr:
        pytest.skip("no package registry can be reached, so a clean environment can't be filled")
    assert installed.returncode == 0, installed.stderr

    photo = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    done = run(
        *(binaries / "styletransfer", "stylize", "photo.png", "-o", "out.png"),
        *("--style", "the_scream"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    painted = np.asarray(Image.open(tmp_path / "out.png"))
    assert painted.shape == photo.shape
    assert np.abs(painted.astype(int) - photo).mean() > 10
    torch = run(binaries / "python", "-c", "import torch", cwd=tmp_path)
    assert "No module named 'torch'" in torch.stderr
    train = run(binaries / "styletransfer", "train", "fit", "--config", "quickstart", cwd=tmp_path)
    assert train.returncode == 1
    assert "pip install 'painterly[train]' brings it" in train.stderr
    assert train.stderr.count("\n") == 1

"""The public names of `interp`: all there, none that hides a module, and nothing heavy at first."""

import subprocess
import sys
from pathlib import Path

import pytest

import interp

HEAVY = {"torch", "scipy", "sklearn", "matplotlib", "onnxruntime", "cv2"}


@pytest.mark.parametrize("name", interp.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    thing = getattr(interp, name)
    assert callable(thing)
    assert thing.__name__ == name
    assert thing.__doc__


def test_the_lists_of_names_agree() -> None:
    assert sorted(interp.__all__) == sorted(interp._WHERE) == sorted(dir(interp))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        interp.nothing  # noqa: B018


def test_no_public_name_is_that_of_a_module() -> None:
    root = Path(interp.__file__).parent
    modules = {path.stem for path in root.rglob("*.py") if "commands" not in path.parts}
    packages = {path.name for path in root.rglob("*") if path.is_dir()}
    assert not set(interp.__all__) & (modules | packages)


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import interp", set()),
        ("from interp.commands.main import cli", set()),
        ("from interp import load_classifier", {"torch"}),
        ("from interp import quilt, grow_texture, transfer_texture", {"scipy"}),
    ],
)
def test_what_an_import_brings(code: str, heavy: set[str]) -> None:
    line = f"import sys\n{code}\nprint(*({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == heavy


def test_imports_never_run_back_up() -> None:
    """Each package imports only those before it, and the commands all of them."""
    order = ["network", "features", "saliency", "adversarial", "patches", "synthesis", "commands"]
    root = Path(interp.__file__).parent
    for number, package in enumerate(order):
        text = "".join(path.read_text() for path in (root / package).rglob("*.py"))
        for later in order[number + 1 :]:
            assert f"interp.{later}" not in text.replace(f"`interp.{later}", ""), (package, later)

"""The real weights and pictures that some tests need, and that an ordinary machine lacks.

They lie in the folder that $STYLETRANSFER_ASSETS names; without it, in `shared` beside this
repository. A test that asks for one that is absent is skipped, and says what was absent.
"""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
VARIABLE = "STYLETRANSFER_ASSETS"


def asset(relative: str) -> Path:
    """The file or folder `relative` of the assets; skips the test where it is absent."""
    path = Path(os.environ.get(VARIABLE) or REPOSITORY.parent / "shared") / relative
    if not path.exists():
        pytest.skip(f"no {path}; ${VARIABLE} names the folder that holds {relative}")
    return path


def shipped(relative: str) -> Path:
    """A file of `checkpoints/`; skips the test where it has not been made yet."""
    path = REPOSITORY / "checkpoints" / relative
    if not path.is_file():
        pytest.skip(f"no {path}; python export.py makes it from a trained checkpoint")
    return path

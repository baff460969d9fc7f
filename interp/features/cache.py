"""Features that were computed once: files below the user's cache folder."""

import hashlib
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from interp.files import write_arrays
from interp.network.classifier import Classifier

Rows = dict[str, npt.NDArray[np.float32]]


def cache_folder() -> Path:
    """Where the files lie: `interp` in `$XDG_CACHE_HOME`, which is `~/.cache` by default."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "interp"


class FeatureCache:
    """The features of one layer of one model with its weights, by the content of the images.

    Images are known by the digest of their file, the model by that of its structure, of its
    weights and of how it is fed; so whatever changes is computed again. A file that is damaged
    counts as empty.
    """

    def __init__(self, classifier: Classifier, layer: str) -> None:
        name = f"{model_digest(classifier)[:24]}-{hashlib.sha256(layer.encode()).hexdigest()[:8]}"
        self.path = cache_folder() / f"{name}.npz"
        self.rows: Rows = {}
        self._stored = 0
        try:
            with np.load(self.path, allow_pickle=False) as file:
                self.rows = dict(zip(file["digests"].tolist(), file["features"], strict=True))
        # NumPy and zipfile answer damaged bytes with many exceptions; a cache may always be lost.
        except Exception:
            self.rows = {}
        self._stored = len(self.rows)

    def save(self) -> None:
        """Write what is new; WorkError where the folder cannot be written."""
        if len(self.rows) == self._stored:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        digests, features = np.array(list(self.rows)), np.stack(list(self.rows.values()))
        write_arrays(self.path, {"digests": digests, "features": features})
        self._stored = len(self.rows)


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's bytes; OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_digest(classifier: Classifier) -> str:
    """A SHA-256 of the structure, the weights and the preprocessing of `classifier`."""
    fed = (classifier.resize, classifier.size, classifier.interpolation)
    digest = hashlib.sha256(f"{classifier.model}{fed}".encode())
    normalization = {"mean": classifier.mean, "std": classifier.std}
    for key, value in (classifier.model.state_dict() | normalization).items():
        digest.update(key.encode())
        # As bytes, since NumPy has no bfloat16.
        digest.update(
            value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        )
    return digest.hexdigest()

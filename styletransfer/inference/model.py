"""Opening an exported ONNX file, and refusing any file that is not one of ours."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import styletransfer
from styletransfer.inference import providers

FORMAT = "1"
INPUTS = ("image", "style_weights")
OUTPUT = "stylized"
KEYS = tuple(
    f"styletransfer.{key}"
    for key in ("format", "styles", "network", "receptive_field", "trained_on")
)


class ModelError(Exception):
    """A model file that is missing or not ours; the message is one line that says what it lacks."""


@dataclass(frozen=True)
class Model:
    """An open session, its provider, and what the file's metadata says of the network in it."""

    session: Any
    provider: str
    styles: tuple[str, ...]
    network: str
    receptive_field: int
    trained_on: str
    bytes_per_pixel: int | None  # at the peak of a run; None for a file that doesn't say


def gallery_path() -> Path:
    """Return where the shipped gallery lies: in the installed package, else in the checkout."""
    package = Path(styletransfer.__file__).parent
    installed = package / "checkpoints" / "gallery.onnx"
    return installed if installed.is_file() else package.parent / "checkpoints" / "gallery.onnx"


def open_model(
    path: str | Path, *, threads: int | None = None, provider: str = providers.AUTO
) -> Model:
    """Open the ONNX file at `path`; `threads` is how many CPU threads work on one picture.

    Without `threads` ONNX Runtime takes one for each core. `provider` is a short name or `auto`:
    see `styletransfer.inference.providers`. Raises ProviderError for a provider that this build
    of ONNX Runtime lacks, and ModelError for a file that is missing, that ONNX Runtime cannot
    open, or that is not a styletransfer model.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"{path}: there is no such model file")
    try:
        session, used = providers.open_session(path, provider=provider, threads=threads)
    except providers.ProviderError:
        raise
    # ONNX Runtime's exceptions share no base class but this one.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"{path}: not an ONNX file that can be run ({reason})") from None
    return _checked(session, used, path)


def _checked(session: Any, provider: str, path: Path) -> Model:
    inputs = {tensor.name: tensor for tensor in session.get_inputs()}
    metadata = session.get_modelmeta().custom_metadata_map
    lacks = [f"metadata {key}" for key in KEYS if key not in metadata]
    lacks += [f"input {name}" for name in INPUTS if name not in inputs]
    if OUTPUT not in {tensor.name for tensor in session.get_outputs()}:
        lacks.append(f"output {OUTPUT}")
    if lacks:
        raise ModelError(f"{path}: not a styletransfer model; it lacks {', '.join(lacks)}")
    if metadata[KEYS[0]] != FORMAT:
        raise ModelError(
            f"{path}: its styletransfer.format is {metadata[KEYS[0]]!r}, and styletransfer "
            f"{styletransfer.__version__} reads {FORMAT!r} alone"
        )
    for name, tensor in inputs.items():
        if name not in INPUTS or tensor.type != "tensor(float)":
            raise ModelError(f"{path}: input {name} of type {tensor.type} is not of this format")
    styles = _styles(metadata, path)
    columns = inputs["style_weights"].shape[-1]
    if isinstance(columns, int) and columns != len(styles):
        raise ModelError(f"{path}: it names {len(styles)} styles and takes {columns} weights")
    if not metadata["styletransfer.receptive_field"].isdecimal():
        raise ModelError(f"{path}: its styletransfer.receptive_field is not a number of pixels")
    cost = metadata.get("styletransfer.bytes_per_pixel", "")
    return Model(
        session=session,
        provider=provider,
        styles=styles,
        network=metadata["styletransfer.network"],
        receptive_field=int(metadata["styletransfer.receptive_field"]),
        trained_on=metadata["styletransfer.trained_on"],
        bytes_per_pixel=int(cost) if cost.isdecimal() else None,
    )


def _styles(metadata: Mapping[str, str], path: Path) -> tuple[str, ...]:
    try:
        names = json.loads(metadata["styletransfer.styles"])
    except ValueError:
        names = None
    named = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not named or names[:1] != ["identity"] or len(set(names)) < len(names):
        raise ModelError(
            f"{path}: its styletransfer.styles is not a JSON list of different names, "
            "the first identity"
        )
    return tuple(names)

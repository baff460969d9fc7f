"""Opening an exported ONNX file, and refusing any file that is not one of ours."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import styletransfer

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
    """An open ONNX Runtime session, and what the file's metadata says of the network in it."""

    session: Any
    styles: tuple[str, ...]
    network: str
    receptive_field: int
    trained_on: str


def gallery_path() -> Path:
    """Return where the shipped gallery lies: in the installed package, else in the checkout."""
    package = Path(styletransfer.__file__).parent
    installed = package / "checkpoints" / "gallery.onnx"
    return installed if installed.is_file() else package.parent / "checkpoints" / "gallery.onnx"


def open_model(path: str | Path, *, threads: int | None = None) -> Model:
    """Open the ONNX file at `path` on the CPU; `threads` is how many work on one picture.

    Without `threads` ONNX Runtime takes one for each core. Raises ModelError for a file that is
    missing, that ONNX Runtime cannot open, or that is not a styletransfer model.
    """
    # Importing it takes longer than all else here, and a style text needs no runtime.
    import onnxruntime

    path = Path(path)
    if not path.is_file():
        raise ModelError(f"{path}: there is no such model file")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # a failure reaches the user once, as an exception
    try:
        session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    # ONNX Runtime's exceptions share no base class but this one.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"{path}: not an ONNX file that can be run ({reason})") from None
    return _checked(session, path)


def _checked(session: Any, path: Path) -> Model:
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
    return Model(
        session=session,
        styles=styles,
        network=metadata["styletransfer.network"],
        receptive_field=int(metadata["styletransfer.receptive_field"]),
        trained_on=metadata["styletransfer.trained_on"],
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

"""Open an ONNX file that `styletransfer export` wrote, and refuse any other."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import styletransfer
from styletransfer.errors import ModelError, ProviderError
from styletransfer.export import FORMAT, INPUTS, KEYS, OUTPUT
from styletransfer.inference import providers


@dataclass(frozen=True)
class Model:
    """An open session, its provider, and the metadata of the file.

    Attributes:
        session: An ONNX Runtime session.
        provider: Short name of the execution provider.
        styles: Names of the styles; the first is `identity`.
        network: Name of the architecture.
        receptive_field: Side of the square that an output pixel depends on, in pixels.
        trained_on: The photographs that it was trained on.
        bytes_per_pixel: Peak memory of a run per pixel; None if the file does not contain it.
        fixed: Numbers of images, rows and columns that the model accepts; None for any number.
    """

    session: Any
    provider: str
    styles: tuple[str, ...]
    network: str
    receptive_field: int
    trained_on: str
    bytes_per_pixel: int | None
    fixed: tuple[int | None, int | None, int | None]


def gallery_path() -> Path:
    """Return the path of the shipped gallery, in the installed package or in the checkout."""
    package = Path(styletransfer.__file__).parent
    installed = package / "checkpoints" / "gallery.onnx"
    return installed if installed.is_file() else package.parent / "checkpoints" / "gallery.onnx"


def open_model(
    path: str | Path, *, threads: int | None = None, provider: str = providers.AUTO
) -> Model:
    """Open a model file.

    Args:
        path: An ONNX file.
        threads: Number of CPU threads for one picture; the default is one for each core.
        provider: A short name, or `auto`; see `styletransfer.inference.providers`.

    Raises:
        ProviderError: This build of ONNX Runtime does not have the provider.
        ModelError: The file is missing, cannot be opened, or is not a styletransfer model.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"{path}: there is no such model file")
    try:
        session, used = providers.open_session(path, provider=provider, threads=threads)
    except ProviderError:
        raise
    # The exceptions of ONNX Runtime have no other common base class.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"{path}: not an ONNX file that can be run ({reason})") from None
    return _checked(session, used, path)


def _checked(session: Any, provider: str, path: Path) -> Model:
    inputs = {value.name: value for value in session.get_inputs()}
    outputs = {value.name: value for value in session.get_outputs()}
    metadata = session.get_modelmeta().custom_metadata_map
    lacks = [f"metadata {key}" for key in KEYS if key not in metadata]
    lacks += [f"input {name}" for name in INPUTS if name not in inputs]
    if OUTPUT not in outputs:
        lacks.append(f"output {OUTPUT}")
    if lacks:
        raise ModelError(f"{path}: not a styletransfer model; it lacks {', '.join(lacks)}")
    if metadata[KEYS[0]] != FORMAT:
        raise ModelError(
            f"{path}: its styletransfer.format is {metadata[KEYS[0]][:20]!r}, and styletransfer "
            f"{styletransfer.__version__} reads only {FORMAT!r}"
        )
    for kind, values in (("input", inputs), ("output", {OUTPUT: outputs[OUTPUT]})):
        for name, value in values.items():
            if name not in (*INPUTS, OUTPUT) or value.type != "tensor(float)":
                raise ModelError(
                    f"{path}: {kind} {name} of type {value.type} is not of this format"
                )
    image, stylized = inputs[INPUTS[0]].shape, outputs[OUTPUT].shape
    _check_shapes(image, stylized, path)
    styles = _styles(metadata, path)
    row = inputs[INPUTS[1]].shape
    if len(row) != 2 or (isinstance(row[1], int) and row[1] != len(styles)):
        columns = row[-1] if len(row) == 2 else f"a tensor of {len(row)} dimensions as"
        raise ModelError(f"{path}: it names {len(styles)} styles but takes {columns} weights")
    batch, _, height, width = (side if isinstance(side, int) else None for side in image)
    return Model(
        session=session,
        provider=provider,
        styles=styles,
        network=metadata["styletransfer.network"],
        receptive_field=_number(metadata, "receptive_field", path) or 1,
        trained_on=metadata["styletransfer.trained_on"],
        bytes_per_pixel=_number(metadata, "bytes_per_pixel", path),
        fixed=(batch, height, width),
    )


def _check_shapes(image: list[Any], stylized: list[Any], path: Path) -> None:
    """Refuse a model whose input or output is not N×3×H×W, as far as the file says."""
    for name, shape in ((INPUTS[0], image), (OUTPUT, stylized)):
        wrong = len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3)
        if wrong or (shape[1] in image[2:] and shape[1] != 3):
            found = "×".join(map(str, shape)) or "a scalar"
            raise ModelError(f"{path}: its {name} is {found[:60]}, and not N×3×H×W")
    if stylized[2:] == image[:1:-1] and image[2] != image[3]:
        raise ModelError(f"{path}: its {OUTPUT} is transposed: {stylized[2]}×{stylized[3]}")


def _number(metadata: Mapping[str, str], key: str, path: Path) -> int | None:
    """Return a number from the metadata, or None if it is missing."""
    text = metadata.get(f"styletransfer.{key}")
    if text is None:
        return None
    if not (text.isdecimal() and len(text) <= 7 and int(text) > 0):
        raise ModelError(
            f"{path}: its styletransfer.{key} is {text[:20]!r}, and not a number from 1 to 9999999"
        )
    return int(text)


def _styles(metadata: Mapping[str, str], path: Path) -> tuple[str, ...]:
    try:
        names = json.loads(metadata["styletransfer.styles"])
    except (ValueError, RecursionError):
        names = None
    named = isinstance(names, list) and all(isinstance(name, str) and name for name in names)
    if not named or names[:1] != ["identity"] or len(set(names)) < len(names):
        raise ModelError(
            f"{path}: its styletransfer.styles is not a JSON list of different names, "
            "the first identity"
        )
    return tuple(names)

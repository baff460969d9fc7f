"""A model repository for NVIDIA's Triton Inference Server."""

import json
from pathlib import Path, PurePosixPath

import onnx

from styletransfer.atomic import written_whole
from styletransfer.export import TRITON_MODEL

# Requests that wait at the same time are answered together, up to this number of pictures.
MOST_BATCH = 8


def model_repository(content: bytes) -> dict[PurePosixPath, bytes]:
    """Return the files of a model repository by their paths in it.

    Pictures of one size are batched. The names of the styles, in the order of a style row, are in
    `styles.txt`, and in the parameter `styles` of the configuration, which clients can ask for.

    Args:
        content: The bytes of an ONNX file that `export_checkpoint` gave.
    """
    graph = onnx.load_model_from_string(content)
    styles = json.loads(
        next(e.value for e in graph.metadata_props if e.key == "styletransfer.styles")
    )
    lines = "".join(f"{style}\n" for style in styles)
    model = PurePosixPath(TRITON_MODEL)
    return {
        model / "1" / "model.onnx": content,
        model / "styles.txt": lines.encode(),
        model / "config.pbtxt": _configuration(graph, json.dumps(styles)).encode(),
    }


def write_repository(files: dict[PurePosixPath, bytes], folder: Path) -> None:
    """Write the files below `folder`, the configuration last. Raises OSError."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            file.write(content)


def _configuration(graph: onnx.ModelProto, styles: str) -> str:
    # A file of fixed shapes has its number of pictures in them, and Triton must not batch.
    batch = graph.graph.input[0].type.tensor_type.shape.dim[0]
    batched = not batch.HasField("dim_value")
    escaped = styles.replace("\\", "\\\\").replace('"', '\\"')
    lines = [
        f'name: "{TRITON_MODEL}"',
        'backend: "onnxruntime"',
        f"max_batch_size: {MOST_BATCH if batched else 0}",
        *(_tensor("input", value, batched) for value in graph.graph.input),
        *(_tensor("output", value, batched) for value in graph.graph.output),
        f'parameters {{ key: "styles" value {{ string_value: "{escaped}" }} }}',
    ]
    if batched:
        lines.append("dynamic_batching { }")
    return "\n".join(lines) + "\n"


def _tensor(kind: str, value: onnx.ValueInfoProto, batched: bool) -> str:
    dims = value.type.tensor_type.shape.dim[1 if batched else 0 :]
    sizes = ", ".join(str(d.dim_value) if d.HasField("dim_value") else "-1" for d in dims)
    return f'{kind} {{ name: "{value.name}" data_type: TYPE_FP32 dims: [ {sizes} ] }}'

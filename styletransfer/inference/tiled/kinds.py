"""Sort the tensors of a graph: they depend on the picture, on its size, or on neither."""

from collections.abc import Mapping, Sequence
from typing import Any

from styletransfer.inference.tiled.geometry import Uncuttable
from styletransfer.inference.tiled.probe import IMAGE, WEIGHTS


def kinds_of(nodes: Sequence[Any]) -> dict[str, str]:
    """Return the kind of each tensor: `map`, `size` (computed from shapes) or `plain`."""
    kinds = {IMAGE: "map", WEIGHTS: "plain"}
    for node in nodes:
        given = {kinds.get(name, "plain") for name in node.input}
        kind = "map" if "map" in given else "size" if "size" in given else "plain"
        if node.op_type in ("Shape", "Size") and kind == "map":
            kind = "size"
        kinds |= {name: kind for name in node.output if name}
    return kinds


def padding_nodes(nodes: Sequence[Any], kinds: Mapping[str, str]) -> tuple[set[int], str]:
    """Return the positions of the nodes that pad the image, and the name of their result."""
    movers = [
        place
        for place, node in enumerate(nodes)
        if node.op_type == "Pad"
        or (
            node.op_type in ("Gather", "Concat")
            and kinds.get(node.output[0]) == "map"
            and attributes_of(node).get("axis", 0) in (2, 3, -1, -2)
        )
    ]
    if not movers:
        return set(), IMAGE
    maker = {name: place for place, node in enumerate(nodes) for name in node.output if name}
    before: set[int] = set()
    due = [movers[-1]]
    while due:
        place = due.pop()
        if place in before or not any(kinds.get(n) == "map" for n in nodes[place].output):
            continue
        before.add(place)
        due += [maker[name] for name in nodes[place].input if name in maker]
    if not before.issuperset(movers) or any(
        nodes[place].op_type in ("Conv", "InstanceNormalization") for place in before
    ):
        raise Uncuttable("pads between its layers")
    return before, nodes[movers[-1]].output[0]


def attributes_of(node: Any) -> dict[str, Any]:
    """Return the attributes of a node by name."""
    from onnx import helper

    return {one.name: helper.get_attribute_value(one) for one in node.attribute}

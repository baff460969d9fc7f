"""Imports never run back: each part of the package imports only those before it."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import styletransfer

ROOT = Path(styletransfer.__file__).parent
# A part is a folder or a file of the package. Those of one line do not import each other.
ORDER = (
    ("errors",),
    ("atomic", "device", "style_names"),
    ("images",),
    ("networks",),
    ("losses",),
    ("checkpoint",),
    ("export",),
    ("inference",),
    ("video", "dataset", "transforms", "web"),
    ("training",),
    ("evaluation",),
    ("commands",),
    ("__main__",),
)
WITHOUT_TORCH = ("errors", "atomic", "images", "inference", "video", "dataset", "web", "commands")

Imports = dict[str, set[str]]


def name_of(file: Path) -> str:
    parts = [*file.relative_to(ROOT.parent).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(nodes: list[ast.AST], modules: set[str]) -> set[str]:
    """What import statements load: modules of the package, and the first names of others."""
    found = set()
    for node in nodes:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in modules else node.module for name in inside]
        found.update(name if name in modules else name.partition(".")[0] for name in names)
    return found


def at_module_level(tree: ast.Module) -> list[ast.AST]:
    """The statements that run when a module is imported, `if TYPE_CHECKING` left out."""
    due: list[ast.AST] = list(tree.body)
    found: list[ast.AST] = []
    while due:
        node = due.pop()
        found.append(node)
        checks = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not checks and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            due.extend(ast.iter_child_nodes(node))
    return found


def read_package() -> tuple[Imports, Imports]:
    """All imports of each module, and those that run when it is imported."""
    trees = {name_of(file): ast.parse(file.read_text()) for file in ROOT.rglob("*.py")}
    modules = set(trees)
    everywhere = {name: imported([*ast.walk(tree)], modules) for name, tree in trees.items()}
    loading = {name: imported(at_module_level(tree), modules) for name, tree in trees.items()}
    return everywhere, loading


EVERYWHERE, LOADING = read_package()


def part_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_part_has_its_place() -> None:
    parts = {part_of(module) for module in EVERYWHERE} - {""}
    assert parts == {part for line in ORDER for part in line}


def test_no_import_runs_back() -> None:
    place = {part: number for number, line in enumerate(ORDER) for part in line}
    back = [
        f"{module} imports {other}"
        for module, others in EVERYWHERE.items()
        for other in others & EVERYWHERE.keys()
        if part_of(module) and part_of(other) and part_of(module) != part_of(other)
        if place[part_of(module)] <= place[part_of(other)]
    ]
    assert back == []


def test_no_circle() -> None:
    graph = {name: others & LOADING.keys() - {name} for name, others in LOADING.items()}
    # The package itself imports all that it offers when it is asked for, not before.
    assert graph["styletransfer"] == {"styletransfer.errors"}
    assert len([*TopologicalSorter(graph).static_order()]) == len(LOADING)


def test_nothing_imports_interp() -> None:
    assert [module for module, others in EVERYWHERE.items() if "interp" in others] == []


def test_what_needs_no_torch_does_not_import_it() -> None:
    """Neither a module nor what it imports imports torch when it is loaded."""
    heavy = {"torch", "torchvision", "pytorch_lightning"}

    def reached(module: str) -> set[str]:
        seen: set[str] = set()
        due = [module]
        while due:
            name = due.pop()
            if name not in seen:
                seen.add(name)
                due.extend(LOADING.get(name, ()))
                due.append(name.rpartition(".")[0])  # the package around it
        return seen

    light = [module for module in LOADING if part_of(module) in WITHOUT_TORCH]
    assert len(light) > 80
    assert [module for module in light if reached(module) & heavy] == []

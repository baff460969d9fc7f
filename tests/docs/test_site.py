"""The pages of the site name what there is: modules, public names, commands."""

import re
from pathlib import Path
from pkgutil import resolve_name

import interp
import styletransfer

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# A module or a folder of modules, as pages and drawings write it.
MODULE = re.compile(r"\b(?!images/inside)[a-z]+/(?:\w+\.py|\w+/(?=[`<]))")


def test_the_drawings_and_their_page_name_modules_that_exist() -> None:
    drawings = sorted((DOCS / "images" / "inside").glob("*.svg"))
    named = {
        (path.name, module)
        for path in [DOCS / "inside.md", *drawings]
        for module in MODULE.findall(path.read_text(encoding="utf-8"))
    }
    assert len(named) > 40
    missing = [pair for pair in sorted(named) if not (ROOT / "styletransfer" / pair[1]).exists()]
    assert not missing


def test_each_drawing_names_what_its_page_explains() -> None:
    sections = (DOCS / "inside.md").read_text(encoding="utf-8").split("\n## ")[1:]
    assert len(sections) == 3
    for section in sections:
        (drawing,) = re.findall(r"\((images/inside/\S+\.svg)\)", section)
        drawn = set(MODULE.findall((DOCS / drawing).read_text(encoding="utf-8")))
        assert drawn <= set(MODULE.findall(section)), drawing


def test_the_reference_has_every_public_name() -> None:
    for package in (styletransfer, interp):
        name = package.__name__
        page = (DOCS / "reference" / f"{name}.md").read_text(encoding="utf-8")
        documented = set(re.findall(rf"^::: {name}\.(\w+)$", page, re.MULTILINE))
        assert set(package.__all__) <= documented


def test_what_the_reference_names_exists() -> None:
    for page in (DOCS / "reference").glob("*.md"):
        names = re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(names) > 20
        for name in names:
            assert callable(resolve_name(name))

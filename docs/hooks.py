"""What MkDocs adds to the pages in this folder when it builds the site.

There is a page for each command, whose options come from click itself, a page for each notebook,
and pages for files that lie elsewhere in the repository. Pages on techniques get tables of options.
"""

import html
import inspect
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from interp.commands.main import cli as interp
from styletransfer.commands.main import cli as styletransfer

ROOT = Path(__file__).resolve().parent.parent
GROUPS = {"styletransfer": styletransfer, "interp": interp}
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
# Pages made from files outside this folder: their address in the site, by path.
ELSEWHERE = {
    "benchmarks/RESULTS.md": "results.md",
    "checkpoints/MODEL_CARD.md": "model-card.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
FORMULA = re.compile(r"\$\$(?P<own>.+?)\$\$|\$(?P<inner>[^$\n]+)\$", re.DOTALL)
# On a page of docs/interp/: where the table of its command's options goes.
OPTIONS = "<!-- options -->"
COMMON = 8  # an option that so many commands of `interp` share stands in the index only
EXAMPLE = re.compile(r"<p>Example: (.*?)</p>", re.DOTALL)
INLINE_CODE = re.compile("(?<!<pre>)<code>([^<]*)</code>")
CONSOLE_OPTION = re.compile('(?<=<span class="w"> </span>)-[^<\\s]+')
OPTION_EXAMPLE = re.compile(r"Example: (.*?)(?=  \[|$)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the commands and the notebooks in the navigation."""
    commands = [
        {program: [{name: _address(program, name)} for name in group.commands]}
        for program, group in GROUPS.items()
    ]
    for section in config.nav or ():
        if "Commands" in section:
            section["Commands"] = commands
        if "Look inside" in section:
            section["Look inside"] += [_notebook_address(path) for path in NOTEBOOKS]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not files of this folder."""
    for program, group in GROUPS.items():
        for name, command in group.commands.items():
            page = _command_page(program, name, command)
            files.append(File.generated(config, _address(program, name), content=page))
    for place, address in ELSEWHERE.items():
        files.append(File.generated(config, address, abs_src_path=str(ROOT / place)))
    for path in NOTEBOOKS:
        page = _notebook_page(json.loads(path.read_text(encoding="utf-8")))
        files.append(File.generated(config, _notebook_address(path), content=page))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links between the pages and the rest of the repository to where they are in the site.

    A file that has no page there keeps the text alone. A link to nothing stays: the build fails.
    """
    address = page.file.src_uri
    if OPTIONS in markdown:
        markdown = markdown.replace(OPTIONS, _options_of(Path(address).stem))
    source = next((path for path, made in ELSEWHERE.items() if made == address), f"docs/{address}")

    def led(link: re.Match[str]) -> str:
        file, mark, anchor = link["target"].partition("#")
        target = ((ROOT / source).parent / file).resolve()
        known = target.exists() and target.is_relative_to(ROOT)
        if "://" in file or not file or not known:
            return link[0]
        path = target.relative_to(ROOT).as_posix()
        if path not in ELSEWHERE and not path.startswith("docs/"):
            return link["text"]
        found = ELSEWHERE.get(path, path.removeprefix("docs/").replace(".ipynb", ".md"))
        return f"[{link['text']}]({'../' * address.count('/')}{found}{mark}{anchor})"

    return LINK.sub(led, markdown)


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Show the examples in the help of commands as code, and break no option at its hyphens."""
    content = INLINE_CODE.sub(_unbroken, content)
    content = CONSOLE_OPTION.sub(r"<span>\g<0></span>", content)
    if page.file.src_uri.startswith("commands/"):
        content = EXAMPLE.sub(lambda x: f"<p>Example:</p><pre>{_unbroken(x)}</pre>", content)
    return content


def _address(program: str, name: str) -> str:
    return f"commands/{program}/{name}.md"


def _notebook_address(path: Path) -> str:
    return f"notebooks/{path.stem}.md"


def _command_page(program: str, name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=f"{program} {name}")
    options = (one for one in command.get_params(context) if isinstance(one, click.Option))
    records = filter(None, (option.get_help_record(context) for option in options))
    return f"""# {context.info_name}

{inspect.cleandoc(command.help or "")}

**Usage:**

```text
{context.info_name} {" ".join(command.collect_usage_pieces(context))}
```

**Options:**

<dl class="options">{"".join(_option(*record) for record in records)}</dl>
"""


def _option(names: str, text: str) -> str:
    text = OPTION_EXAMPLE.sub(r"Example: <code>\g<1></code>", html.escape(text, quote=False))
    return f"<dt><code>{html.escape(names)}</code></dt><dd>{text}</dd>"


def _unbroken(example: re.Match[str]) -> str:
    """Return text as code whose options docs/style.css does not break at their hyphens."""
    words = re.sub("(?<![^ ])-[^ ]+", r"<span>\g<0></span>", example[1])
    return f"<code>{words}</code>"


def _options_of(technique: str) -> str:
    """Return the options that only the command of a technique has, or for the index all others."""
    every = {
        name: [param for param in command.params if isinstance(param, click.Option)]
        for name, command in interp.commands.items()
    }
    shared = Counter((option.name, option.help) for own in every.values() for option in own)
    common = {key for key, count in shared.items() if count >= COMMON}
    if technique == "index":
        options = {
            (option.name, option.help): option
            for own in every.values()
            for option in own
            if (option.name, option.help) in common
        }
        return _table(options.values())
    own = [option for option in every[technique] if (option.name, option.help) not in common]
    link = f"[`interp {technique}`](../commands/interp/{technique}.md)"
    rest = "[those of most commands](index.md#options-of-most-commands)"
    return f"{_table(own)}\n\n{link} has these, and {rest}." if own else f"{link} has {rest}."


def _table(options: Iterable[click.Option]) -> str:
    """Return a table of options without their examples, which the pages of commands have."""
    rows = []
    for option in options:
        names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
        told = (option.help or "").partition(" Example:")[0]
        if isinstance(option.type, click.Choice):
            told += f" One of {', '.join(f'`{choice}`' for choice in option.type.choices)}."
        if option.show_default and option.default is not None:
            default = option.default if option.show_default is True else option.show_default
            if option.secondary_opts:
                default = (option.opts if default else option.secondary_opts)[0]
            words = ", ".join(default) if isinstance(default, tuple) else default
            told += f" Default: `{words}`."
        told = told.replace("|", "\\|")
        rows.append(f"| {names} | {told} |")
    return "\n".join(["| | |", "| --- | --- |", *rows])


def _notebook_page(notebook: dict[str, Any]) -> str:
    """Return a notebook as Markdown: its texts, its code, and what the code printed and drew."""
    return "\n\n".join(part for cell in notebook["cells"] for part in _cell_parts(cell))


def _mathml(formula: re.Match[str]) -> str:
    """Return a formula of LaTeX as MathML, which browsers draw without a script."""
    display = "block" if formula["own"] else "inline"
    markup: str = convert(formula["own"] or formula["inner"], display)
    return markup


def _cell_parts(cell: dict[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield FORMULA.sub(_mathml, source)
        return
    yield f"```python\n{source}\n```"
    for output in cell.get("outputs", ()):
        data = output.get("data", {"text/plain": output.get("text", "")})
        for kind in ("image/png", "image/jpeg"):
            if kind in data:
                encoded = "".join(data[kind]).replace("\n", "")
                yield f"![What the code draws](data:{kind};base64,{encoded})"
                break
        else:
            if printed := "".join(data["text/plain"]).rstrip():
                yield f"```text\n{printed}\n```"

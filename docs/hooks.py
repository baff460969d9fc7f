"""What MkDocs adds to the pages in this folder when it builds the site.

There is a page for each command, whose options come from click itself, and pages for files that
lie elsewhere in the repository.
"""

import re
from pathlib import Path

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from interp.commands.main import cli as interp
from styletransfer.commands.main import cli as styletransfer

ROOT = Path(__file__).resolve().parent.parent
GROUPS = {"styletransfer": styletransfer, "interp": interp}
# Pages made from files outside this folder: their address in the site, by path.
ELSEWHERE = {
    "benchmarks/RESULTS.md": "results.md",
    "checkpoints/MODEL_CARD.md": "model-card.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
EXAMPLE = re.compile(r"<p>Example: (.*?)</p>", re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the commands in the navigation."""
    commands = [
        {program: [{name: _address(program, name)} for name in group.commands]}
        for program, group in GROUPS.items()
    ]
    for section in config.nav:
        if "Commands" in section:
            section["Commands"] = commands
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not files of this folder."""
    for program, group in GROUPS.items():
        for name, command in group.commands.items():
            page = _command_page(program, name, command)
            files.append(File.generated(config, _address(program, name), content=page))
    for path, address in ELSEWHERE.items():
        files.append(File.generated(config, address, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links between the pages and the rest of the repository to where they are in the site.

    A file that has no page there keeps the text alone. A link to nothing stays: the build fails.
    """
    address = page.file.src_uri
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
        found = ELSEWHERE.get(path, path.removeprefix("docs/"))
        return f"[{link['text']}]({'../' * address.count('/')}{found}{mark}{anchor})"

    return LINK.sub(led, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Show the examples in the help of commands as code."""
    if page.file.src_uri.startswith("commands/"):
        html = EXAMPLE.sub(r"<p>Example:</p><pre><code>\g<1></code></pre>", html)
    return html


def _address(program: str, name: str) -> str:
    return f"commands/{program}/{name}.md"


def _command_page(program: str, name: str, command: click.Command) -> str:
    assert command.callback is not None
    return f"""::: mkdocs-click
    :module: {command.callback.__module__}
    :command: {command.callback.__name__}
    :prog_name: {program} {name}
"""

"""The fenced blocks of a page of the documentation, and what its commands should print."""

import re
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(
    r"^```(?P<kind>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<body>.*?)^```$", re.M | re.S
)
# Above a fence: its commands take minutes, or need weights that are downloaded.
MINUTES = "<!-- minutes -->\n"
# Numbers that differ from run to run: fractions, and shares of the time.
UNSTABLE = re.compile(r"\d+\\\.\d+(?:e(?:\\-|\\\+)?\d+)?|\d+%")


@dataclass(frozen=True)
class Step:
    """A command of a page, its line there, and the lines that it prints there.

    A command without text is a file to write: `title` is its name, and `lines` are its lines.
    """

    where: str
    command: str = ""
    title: str = ""
    slow: bool = False
    lines: list[str] = field(default_factory=list)

    @property
    def fails(self) -> bool:
        """Whether the page shows an error."""
        return any(line.startswith("Error:") for line in self.lines)

    def told(self) -> re.Pattern[str]:
        """What the command should print: `…` stands for anything, also for several lines."""
        text = re.escape("".join(f"{line}\n" for line in self.lines))
        text = text.replace("…\\\n", "(?:.*\\\n)*?").replace("…", ".*")
        return re.compile(UNSTABLE.sub(r"[-+.e\\d]+%?", text))


def steps(page: Path) -> list[Step]:
    """Return what a reader of `page` does: the programs to save and the commands to run."""
    text = page.read_text(encoding="utf-8")
    found: list[Step] = []
    for fence in FENCE.finditer(text):
        slow = text.endswith(MINUTES, 0, fence.start())
        first = text.count("\n", 0, fence.start()) + 2
        if fence["title"]:
            lines = fence["body"].splitlines()
            found.append(Step(f"{page.name}:{first}", title=fence["title"], lines=lines))
            continue
        shown: Step | None = None
        for number, line in enumerate(fence["body"].splitlines(), first):
            if line.startswith("$ "):
                shown = Step(f"{page.name}:{number}", command=line[2:], slow=slow)
                found.append(shown)
            elif shown is not None:
                shown.lines.append(line)
    return found

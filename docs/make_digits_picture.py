"""Make docs/images/robust.jpg anew, by the program and the settings of its tutorial. Run:

python docs/make_digits_picture.py
"""

import os
import re
import tempfile
from pathlib import Path

from styletransfer.dataset import stylize_dataset
from styletransfer.images import read_image, write_image
from styletransfer.inference.contact_sheet import contact_sheet

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "tutorials" / "robust-training.md"
ROWS = 4


def main() -> None:
    """Write the picture: a photograph-filled, a painted and a conflicting digit of either class."""
    program = re.search(r'```python title="digits.py"\n(.*?)```', PAGE.read_text(), re.DOTALL)
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        exec(compile(program[1], str(PAGE), "exec"), {})
        stylize_dataset("biased", "painted", style="random", strength=(0.6, 1.0))
        names = [f"{part}/{digit}" for digit in "01" for part in ("biased", "painted", "conflict")]
        columns = [
            [read_image(path) for path in sorted(Path(name).iterdir())[:ROWS]] for name in names
        ]
        sheet = contact_sheet(names, list(zip(*columns, strict=True)))
        write_image(DOCS / "images" / "robust.jpg", sheet, quality=85)
        os.chdir(DOCS)


if __name__ == "__main__":
    main()

"""Write the photographs of the pages on `interp`: those that scikit-learn ships, and parts of them.

Run: python docs/samples.py FOLDER
"""

import shutil
import sys
from pathlib import Path

import sklearn
from PIL import Image

PHOTOGRAPHS = Path(sklearn.__file__).parent / "datasets" / "images"
# Parts of the photographs: from where, left, top, right, bottom, and the side of the result.
PARTS = {
    "petals.png": ("flower", (250, 110, 378, 238), 128),
    "leaves.png": ("china", (440, 290, 504, 354), 64),
    "pagoda.jpg": ("china", (30, 0, 430, 400), 300),
}
TILE = 80  # side of a tile in the photograph, in pixels; it is enlarged three times


def write_samples(folder: Path) -> None:
    """Fill `folder`: `china.jpg`, `flower.jpg`, parts of them, and 80 tiles in `tiles/`."""
    for name in ("china", "flower"):
        shutil.copy(PHOTOGRAPHS / f"{name}.jpg", folder)
        (folder / "tiles" / name).mkdir(parents=True)
        with Image.open(folder / f"{name}.jpg") as photograph:
            for top in range(0, 5 * TILE, TILE):
                for left in range(0, 8 * TILE, TILE):
                    tile = photograph.crop((left, top, left + TILE, top + TILE))
                    place = folder / "tiles" / name / f"{top:03}-{left:03}.png"
                    tile.resize((3 * TILE, 3 * TILE)).save(place)
    for file, (name, box, side) in PARTS.items():
        with Image.open(folder / f"{name}.jpg") as photograph:
            part = photograph.crop(box).resize((side, side), Image.Resampling.LANCZOS)
            part.save(folder / file, quality=95)


if __name__ == "__main__":
    write_samples(Path(sys.argv[1]))

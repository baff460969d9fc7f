"""Paint the pictures of README and docs anew, with the gallery as it is.

So the pictures follow the weights. The photographs are those that dependencies ship:
scikit-learn's `china.jpg` and `flower.jpg`, and Matplotlib's of Grace Hopper. Run:

    python docs/make_pictures.py
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import sklearn
from PIL import Image

from styletransfer.images import Picture, read_image, write_image
from styletransfer.inference import Stylizer
from styletransfer.inference.contact_sheet import contact_sheet
from styletransfer.video import stylize_frames

IMAGES = Path(__file__).parent / "images"
SKLEARN = Path(sklearn.__file__).parent / "datasets" / "images"
CHINA, FLOWER = SKLEARN / "china.jpg", SKLEARN / "flower.jpg"
HOPPER = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"

# The first picture of README: few, and large.
FIRST = ("starry_night", "great_wave", "udnie", "edtaonisl", "the_scream")
SHORT = 400  # short side of the photographs that are painted, in pixels
QUALITY = 88
# The film: a pan to the right, in pixels of `china.jpg`.
FRAMES, PAN, FILM_SIZE = 30, 5, (480, 270)


def main() -> None:
    """Write all pictures into docs/images."""
    stylize = Stylizer()
    styles = stylize.styles[1:]
    half = (len(styles) + 1) // 2
    china, flower, hopper = (read_image(path, short_side=SHORT) for path in (CHINA, FLOWER, HOPPER))

    def painted(photograph: Picture, blends: Sequence[str], strength: float = 1.0) -> list[Picture]:
        return [stylize(photograph, blend, strength) for blend in blends]

    first = [china, *painted(china, FIRST)]
    save("first.jpg", contact_sheet(["photograph", *FIRST], [first]), 1500)
    every = [china, *painted(china, styles)]
    save("gallery.jpg", contact_sheet(["photograph", *styles], [every]), 1500)
    for number, names in enumerate((styles[:half], styles[half:]), 1):
        rows = [[photo, *painted(photo, names)] for photo in (china, flower, hopper)]
        save(f"styles-{number}.jpg", contact_sheet(["photograph", *names], rows), 1800)
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    blends = [f"great_wave:{1 - share:g},starry_night:{share:g}" for share in shares]
    labels = [f"{share:.0%} starry_night" for share in shares]
    rows = [painted(photo, blends) for photo in (china, flower)]
    save("blends.jpg", contact_sheet(labels, rows), 1500)
    rows = [
        [painted(photo, ["night_cafe"], share)[0] for share in shares] for photo in (china, flower)
    ]
    save("strengths.jpg", contact_sheet([f"strength {share:g}" for share in shares], rows), 1500)
    film()


def film() -> None:
    """Write a pan over the pagoda, painted, as an animated WebP."""
    china = read_image(CHINA).rgb
    width, height = FILM_SIZE
    top = 40
    views = (china[top : top + height, PAN * i : PAN * i + width] for i in range(FRAMES))
    first, *rest = (Image.fromarray(frame) for frame in stylize_frames(views, "starry_night"))
    name = "film.webp"
    first.save(IMAGES / name, save_all=True, append_images=rest, duration=80, loop=0, quality=60)
    print(f"wrote docs/images/{name}")


def save(name: str, sheet: Picture, width: int) -> None:
    """Write `sheet` as a JPEG, `width` pixels wide."""
    height = round(sheet.rgb.shape[0] * width / sheet.rgb.shape[1])
    smaller = Image.fromarray(sheet.rgb).resize((width, height), Image.Resampling.LANCZOS)
    write_image(IMAGES / name, Picture(np.asarray(smaller), None, ()), quality=QUALITY)
    print(f"wrote docs/images/{name}")


if __name__ == "__main__":
    main()

"""Make the pictures of docs/interp.md anew, by the commands and functions of interp.

So the pictures follow the code. The photographs are those that scikit-learn ships, `china.jpg` and
`flower.jpg`. The weights are torchvision's, or local files in the folder `weights` of the folder
that $STYLETRANSFER_ASSETS names. All takes some minutes of one core. Run:

    python docs/make_interp_pictures.py [NAME...]
"""

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import sklearn
from click.testing import CliRunner
from PIL import Image

from interp import class_image, class_score, deep_dream, layer_value, load_classifier
from interp.commands.main import cli
from interp.figures import pixels_of, table
from interp.network.photographs import planes_of, read_pixels, shown
from interp.synthesis.dream import likeness
from interp.synthesis.recipes import PRESETS
from styletransfer.images import Pixels

IMAGES = Path(__file__).parent / "images" / "interp"
SKLEARN = Path(sklearn.__file__).parent / "datasets" / "images"
CHINA, FLOWER = SKLEARN / "china.jpg", SKLEARN / "flower.jpg"
WIDTH, LARGEST = 900, 80_000  # of a picture: pixels and bytes

local = Path(os.environ.get("STYLETRANSFER_ASSETS", "none"))
SQUEEZENET = local / "weights" / "squeezenet1_0.safetensors"
VGG19 = local / "weights" / "vgg19_relu3_4.safetensors"
MODEL = ["--weights", str(SQUEEZENET)] if SQUEEZENET.exists() else []
VGG = ["--weights", str(VGG19)] if VGG19.exists() else []
TAPS = "relu1_1,pool1,pool2,pool3"


def command(*words: object) -> Pixels:
    """The figure that a command of interp writes."""
    with tempfile.TemporaryDirectory() as folder:
        figure = Path(folder) / "figure.png"
        result = CliRunner().invoke(cli, [*map(str, words), "--quiet", "-o", str(figure)])
        if result.exit_code:
            raise SystemExit(result.output)
        return np.asarray(Image.open(figure).convert("RGB"))


def crop(path: Path, box: tuple[int, int, int, int], side: int, folder: Path) -> Path:
    """A file with a square of a photograph, scaled."""
    made = folder / f"{path.stem}-{box[0]}-{side}.png"
    with Image.open(path) as photograph:
        photograph.crop(box).resize((side, side), Image.Resampling.LANCZOS).save(made)
    return made


def tiles(folder: Path) -> Path:
    """80 tiles of the two photographs, 80×80 pixels scaled to 240×240, in two sub-folders."""
    for path in (CHINA, FLOWER):
        (folder / path.stem).mkdir()
        with Image.open(path) as photograph:
            for top in range(0, 400, 80):
                for left in range(0, 640, 80):
                    tile = photograph.crop((left, top, left + 80, top + 80)).resize((240, 240))
                    tile.save(folder / path.stem / f"{top:03}-{left:03}.png")
    return folder


def side_by_side(*cells: tuple[Pixels, str]) -> Pixels:
    """Pictures in a row, each with its caption."""
    return pixels_of(table([list(cells)]))


def read(path: Path) -> Pixels:
    """A picture file."""
    return np.asarray(Image.open(path).convert("RGB"))


def class_images(_: Path) -> Pixels:
    """Three classes and a channel."""
    classifier = load_classifier("squeezenet1_0", SQUEEZENET if MODEL else "default")
    recipe = replace(PRESETS["lucid"], steps=96)
    targets = {name: class_score(classifier.find_class(name)) for name in ("flamingo", "mushroom")}
    targets["features.7, channel 3"] = layer_value("features.7", 3)
    cells = [
        (shown(class_image(classifier, target, recipe).picture), name)
        for name, target in targets.items()
    ]
    return side_by_side(*cells)


def dreams(_: Path) -> Pixels:
    """A dream, and one that a flower guides."""
    classifier = load_classifier("squeezenet1_0", SQUEEZENET if MODEL else "default")
    with Image.open(CHINA) as photograph:
        small = planes_of(np.asarray(photograph.resize((400, 267))))
    guide = likeness(classifier, "features.7", read_pixels(classifier, FLOWER, print))
    return side_by_side(
        (shown(deep_dream(classifier, small).picture), "features.10"),
        (shown(deep_dream(classifier, small, guide).picture), "features.7, guided by the flower"),
    )


def quilted(folder: Path) -> Pixels:
    """Petals, and a field of them."""
    petals = crop(FLOWER, (250, 110, 378, 238), 128, folder)
    made = command("quilt", petals, "--block", 48, "--size", "384x256")
    return side_by_side((read(petals), "sample"), (made, "quilt"))


def onto(folder: Path) -> Pixels:
    """A pagoda of petals."""
    petals = crop(FLOWER, (240, 100, 420, 280), 180, folder)
    pagoda = crop(CHINA, (30, 0, 430, 400), 300, folder)
    made = command("quilt", petals, "--onto", pagoda)
    return side_by_side((read(pagoda), "photograph"), (made, "in petals"))


def grown(folder: Path) -> Pixels:
    """Leaves, and more of them; each pixel is shown as 3×3."""
    leaves = crop(CHINA, (440, 290, 504, 354), 64, folder)
    made = command("texture-grow", leaves, "--size", 96)
    cells = [(each.repeat(3, 0).repeat(3, 1), name) for each, name in ((read(leaves), "sample"),)]
    return side_by_side(*cells, (made.repeat(3, 0).repeat(3, 1), "grown"))


def texture(folder: Path) -> Pixels:
    """Petals, and petals that never were."""
    petals = crop(FLOWER, (250, 110, 378, 238), 128, folder)
    words = ("--size", "256x192", "--steps", 30, "--taps", TAPS, *VGG)
    made = command("texture", petals, *words)
    return side_by_side((read(petals), "sample"), (made, "texture"))


def inverted(_: Path) -> Pixels:
    """A pagoda from the features of six layers."""
    layers = [word for n in (1, 3, 6, 11, 17) for word in ("--layer", f"features.{n}")]
    return command("invert", CHINA, "--model", "vgg19", *VGG, *layers, "--size", 96, "--steps", 40)


PICTURES: dict[str, Callable[[Path], Pixels]] = {
    "filters.jpg": lambda _: command("filters", *MODEL),
    "activations.jpg": lambda _: command(
        "activations", CHINA, *MODEL, "--layer", "features.3", "--count", 23
    ),
    "guided.jpg": lambda _: command("saliency", FLOWER, *MODEL, "--method", "guided"),
    "segment.jpg": lambda _: command("segment", FLOWER, *MODEL),
    "attack.jpg": lambda _: command("attack", CHINA, FLOWER, *MODEL),
    "patches-grow.jpg": grown,
    "patches-quilt.jpg": quilted,
    "patches-onto.jpg": onto,
    "neighbors.jpg": lambda folder: command(
        *("neighbors", tiles(folder), *MODEL, "--count", 6),
        *("--query", folder / "flower" / "160-320.png"),
    ),
    "patches.jpg": lambda folder: command(
        *("patches", tiles(folder), *MODEL, "--layer", "features.7"),
        *("--channels", "3,5,8,12", "--count", 8),
    ),
    "embed-scatter.png": lambda folder: command("embed", tiles(folder), *MODEL, "--perplexity", 15),
    "embed-grid.jpg": lambda folder: command(
        "embed", tiles(folder), *MODEL, "--perplexity", 15, "--view", "grid"
    ),
    "dream.jpg": dreams,
    "texture.jpg": texture,
    "inversion.jpg": inverted,
    "sanity.jpg": lambda _: command(
        *("sanity", FLOWER, *MODEL),
        *("--method", "gradient", "--method", "guided", "--method", "grad-cam"),
    ),
    "class-images.jpg": class_images,
}


def main() -> None:
    """Write the pictures that are named on the command line, or all."""
    for name in sys.argv[1:] or PICTURES:
        with tempfile.TemporaryDirectory() as folder:
            save(name, PICTURES[name](Path(folder)))


def save(name: str, pixels: Pixels) -> None:
    """Write a picture as a JPEG, at most 900 pixels wide and 80 kB large."""
    picture = Image.fromarray(pixels)
    if picture.width > WIDTH:
        height = round(picture.height * WIDTH / picture.width)
        picture = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
    if name.endswith(".png"):  # lines, of few colors
        picture.quantize(64).save(IMAGES / name, optimize=True)
        print(f"wrote docs/images/interp/{name}", flush=True)
        return
    for quality in range(88, 30, -6):
        picture.save(IMAGES / name, quality=quality, optimize=True)
        if (IMAGES / name).stat().st_size <= LARGEST:
            break
    print(f"wrote docs/images/interp/{name}, quality {quality}", flush=True)


if __name__ == "__main__":
    main()

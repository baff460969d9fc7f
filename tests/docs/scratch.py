"""What a reader of the documentation has: photographs, paintings, a film, downloaded weights."""

import shutil
from pathlib import Path

import av
import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file

from docs.samples import write_samples
from tests.assets import asset

# The weights that torchvision would download, by the file here and by that of the download.
WEIGHTS = {
    ("vgg19", "vgg19_relu3_4.safetensors"): "vgg19-dcbb9e9d.pth",
    ("squeezenet1_0", "squeezenet1_0.safetensors"): "squeezenet1_0-b66bff10.pth",
}


def scratch_folder(folder: Path, repository: Path) -> None:
    """Fill `folder` with the files that the pages take for granted."""
    write_samples(folder)
    china, flower = (Image.open(folder / f"{name}.jpg") for name in ("china", "flower"))
    china.save(folder / "photo.jpg")
    flower.resize((300, 200)).save(folder / "painting.jpg")
    (folder / "checkpoints").symlink_to(repository / "checkpoints")
    for place in ("photos", "paintings"):
        (folder / place).mkdir()
    for name in ("the_scream", "udnie"):
        shutil.copy(folder / "painting.jpg", folder / "paintings" / f"{name}.jpg")
    for number in range(12):
        left, top = 30 * number, 15 * number
        tile = (china, flower)[number % 2].crop((left, top, left + 240, top + 200))
        tile.save(folder / "photos" / f"{number:02}.jpg")
    film(folder / "holiday.mp4", np.asarray(china))


def film(path: Path, photograph: np.ndarray) -> None:
    """Write a pan over `photograph`: 24 frames in one second."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for left in range(24):
            pixels = np.ascontiguousarray(photograph[100:196, 4 * left : 4 * left + 160])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())


def painting() -> Path:
    """Return Van Gogh's Starry Night, which is in the public domain."""
    return asset("images/styles/starry_night.jpg")


def torch_home(folder: Path) -> Path:
    """Return a $TORCH_HOME in which torchvision finds its weights and need not download them.

    What we lack of VGG19 is zeros; it lies behind the taps of the loss network.
    """
    home = folder / "torch"
    downloads = home / "hub" / "checkpoints"
    downloads.mkdir(parents=True)
    for (architecture, file), download in WEIGHTS.items():
        known = load_file(asset(f"weights/{file}"))
        with torch.device("meta"):
            whole = getattr(torchvision.models, architecture)().state_dict()
        # One zero, expanded, takes no room.
        filled = {name: torch.zeros(1).expand(value.shape) for name, value in whole.items()}
        torch.save({**filled, **known}, downloads / download)
    return home

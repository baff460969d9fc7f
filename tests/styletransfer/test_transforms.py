"""RandomStylize paints what the model says, as often as it is asked, and by torch's seed."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image  # noqa: E402
from torch.utils.data import DataLoader, Dataset  # noqa: E402
from torchvision import tv_tensors  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

from styletransfer.errors import StyleError  # noqa: E402
from styletransfer.transforms import RandomStylize  # noqa: E402
from tests.styletransfer.tiny_model import tiny_model  # noqa: E402


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model") / "m.onnx")


def pixels(*shape: int) -> torch.Tensor:
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(0)).to(torch.uint8)


@pytest.mark.parametrize("shape", [(3, 5, 7), (2, 3, 5, 7), (2, 2, 3, 4, 4)])
def test_tensors_by_formula(model: Path, shape: tuple[int, ...]) -> None:
    negative = RandomStylize(["udnie"], strength=(1, 1), p=1, model=model)
    image = pixels(*shape)
    assert torch.equal(negative(image), 255 - image)
    floats = image / 255
    torch.testing.assert_close(negative(floats), 1 - floats)
    wrapped = negative(tv_tensors.Image(image))
    assert isinstance(wrapped, tv_tensors.Image)
    assert torch.equal(wrapped, 255 - image)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_pil_images_keep_their_mode(model: Path, mode: str) -> None:
    negative = RandomStylize(["udnie"], strength=(1, 1), p=1, model=model)
    image = Image.fromarray(pixels(6, 4, 3).numpy()).convert(mode)
    painted = negative(image)
    assert (painted.mode, painted.size) == (mode, image.size)
    channels = np.s_[..., :3] if mode == "RGBA" else np.s_[:]
    apart = np.asarray(painted).astype(int)[channels] - (255 - np.asarray(image)[channels])
    assert np.abs(apart).max() <= 1


def test_labels_boxes_and_masks_pass(model: Path) -> None:
    negative = RandomStylize(["udnie"], strength=(1, 1), p=1, model=model)
    image = tv_tensors.Image(pixels(3, 8, 8))
    sample = {
        "image": image,
        "boxes": tv_tensors.BoundingBoxes([[0, 0, 3, 3]], format="XYXY", canvas_size=(8, 8)),
        "mask": tv_tensors.Mask(pixels(8, 8)),
        "label": 7,
    }
    painted = negative(sample)
    assert torch.equal(painted["image"], 255 - image)
    assert torch.equal(painted["boxes"], sample["boxes"])
    assert torch.equal(painted["mask"], sample["mask"])
    assert painted["label"] == 7


def test_what_is_drawn(model: Path) -> None:
    transform = RandomStylize(strength=(0.4, 0.8), p=0.25, model=model)
    torch.manual_seed(3)
    drawn = [transform.make_params([]) for _ in range(4000)]
    assert np.mean([params["apply"] for params in drawn]) == pytest.approx(0.25, abs=0.03)
    strengths = [params["strength"] for params in drawn]
    assert 0.4 <= min(strengths) < 0.41
    assert 0.79 < max(strengths) <= 0.8
    names, counts = np.unique([params["style"] for params in drawn], return_counts=True)
    assert list(names) == ["starry_night", "the_scream", "udnie"]
    assert counts.min() > 1200
    torch.manual_seed(3)
    assert drawn == [transform.make_params([]) for _ in range(4000)]


def test_p_of_zero_returns_the_image(model: Path) -> None:
    image = pixels(3, 4, 4)
    assert RandomStylize(["udnie"], p=0, model=model)(image) is image


class Photographs(Dataset[Any]):
    """Sixteen images, all gray, augmented on the fly."""

    def __init__(self, transform: v2.Transform) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> torch.Tensor:
        painted: torch.Tensor = self.transform(torch.full((3, 4, 4), 100, dtype=torch.uint8))
        return painted


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_data_loader_with_two_workers(model: Path, method: str) -> None:
    transform = v2.Compose([RandomStylize(["udnie"], strength=(1, 1), p=0.5, model=model)])
    loader = DataLoader(
        Photographs(transform), batch_size=4, num_workers=2, multiprocessing_context=method
    )
    runs = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        runs.append(torch.cat(list(loader)))
    assert sorted(runs[0].unique().tolist()) == [100, 155]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_it_can_be_pickled(model: Path) -> None:
    transform = RandomStylize(["udnie"], p=1, strength=(1, 1), model=model)
    image = pixels(3, 5, 5)
    assert torch.equal(pickle.loads(pickle.dumps(transform))(image), 255 - image)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"styles": ["udni"]}, StyleError, "did you mean udnie"),
        ({"styles": []}, ValueError, "at least one style"),
        ({"strength": (0.5, 1.2)}, ValueError, r"a range in 0\.\.1"),
        ({"strength": (0.9, 0.4)}, ValueError, r"a range in 0\.\.1"),
        ({"p": 1.5}, ValueError, "p must lie in"),
    ],
)
def test_refusals(model: Path, options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        RandomStylize(**{"styles": ["udnie"], **options}, model=model)
    with pytest.raises(ValueError, match="3×H×W"):
        RandomStylize(["udnie"], p=1, model=model)(torch.zeros(1, 4, 4))

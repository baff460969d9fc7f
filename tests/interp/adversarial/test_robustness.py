"""Accuracy under attack against a brute-force twin, and the classes of a folder's images."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from interp.adversarial.attacks import fgsm, pgd
from interp.adversarial.labels import read_classes
from interp.adversarial.robustness import draw_robustness, measure_robustness
from interp.figures import pixels_of
from interp.files import Source, gather
from interp.network.classifier import Classifier
from styletransfer.errors import RequestError, WorkError

EPSILONS = (0.02, 0.1, 0.6)


@pytest.fixture
def batches(classifier: Classifier) -> list[tuple[Tensor, Tensor]]:
    """Three batches of four; about a third of the classes are not what the model sees."""
    torch.manual_seed(2)
    pixels = torch.rand(12, 3, 24, 24) * torch.rand(12, 3, 1, 1)
    classes = classifier(pixels).argmax(1).detach()
    classes[::3] = (classes[::3] + 1) % 5
    return list(zip(pixels.split(4), classes.split(4), strict=True))


def one_step(*arguments: object, seed: int, **options: object) -> Tensor:
    return fgsm(*arguments, **options)  # type: ignore[arg-type]


def test_untargeted_is_the_brute_force(
    classifier: Classifier, batches: list[tuple[Tensor, Tensor]]
) -> None:
    counted: list[int] = []
    result = measure_robustness(
        classifier, iter(batches), EPSILONS[::-1], attack=one_step, done=counted.append
    )
    alive = {0.0: 0, **dict.fromkeys(EPSILONS, 0)}
    for images, classes in batches:
        for image, index in zip(images.split(1), classes.split(1), strict=True):
            right = bool(classifier(image).argmax(1) == index)
            alive[0.0] += right
            for epsilon in EPSILONS:
                attacked = fgsm(classifier, image, index, epsilon)
                right = right and bool(classifier(attacked).argmax(1) == index)
                alive[epsilon] += right
    assert result.epsilons == tuple(alive)
    assert result.accuracy == [count / 12 for count in alive.values()]
    assert result.accuracy == sorted(result.accuracy, reverse=True)
    assert result.accuracy[0] == 8 / 12
    assert result.accuracy[-1] < result.accuracy[0]
    assert (result.targets, result.hits) == (None, None)
    assert counted == [4, 4, 4]


@pytest.mark.parametrize("target", [0, "random"])
def test_targeted(
    classifier: Classifier, batches: list[tuple[Tensor, Tensor]], target: int | str
) -> None:
    attack = partial(pgd, norm="l2", steps=5)
    first, again = (
        measure_robustness(classifier, batches, (0.5, 30.0), attack=attack, target=target, seed=7)
        for _ in range(2)
    )
    assert first.targets is not None
    assert first.hits is not None
    assert np.array_equal(first.targets, again.targets)
    assert np.array_equal(first.predicted, again.predicted)
    if target == "random":
        assert (first.targets != first.classes).all()
    else:
        assert (first.targets == target).all()
    assert first.hits == sorted(first.hits)
    assert first.hits[-1] > first.hits[0]
    assert first.hits == [float((row == first.targets).mean()) for row in first.predicted]


def test_no_images(classifier: Classifier) -> None:
    with pytest.raises(WorkError, match="no images"):
        measure_robustness(classifier, [], EPSILONS)


def test_the_plot_is_a_picture(
    classifier: Classifier, batches: list[tuple[Tensor, Tensor]]
) -> None:
    plots = [
        pixels_of(
            draw_robustness(
                measure_robustness(classifier, batches, EPSILONS, attack=one_step, target=aim)
            )
        )
        for aim in (None, 1)
    ]
    assert plots[0].shape == plots[1].shape == (600, 800, 3)
    assert not np.array_equal(*plots)


def sources(folder: Path, *names: str) -> list[Source]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return gather([folder])


def test_classes_by_sub_folder(classifier: Classifier, tmp_path: Path) -> None:
    images = sources(tmp_path, "tiger cat/b.png", "4/a.png", "pembroke/c.jpg", "4/d.png")
    assert read_classes(classifier, tmp_path, images) == [4, 4, 3, 1]


@pytest.mark.parametrize(
    "names",
    [
        ("n1.png", "n2.png", "n3.jpg", "n4.png", "n5.png"),
        ("n1/x.png", "n2/x.png", "n3/b.png", "n4/x.png", "n5/x.png"),
    ],
)
def test_classes_in_sorted_order(
    classifier: Classifier, tmp_path: Path, names: tuple[str, ...]
) -> None:
    images = sources(tmp_path, *reversed(names))
    assert read_classes(classifier, tmp_path, images, "sorted") == [0, 1, 2, 3, 4]
    if "/" in names[0]:
        images = sources(tmp_path, "n3/a.png")
        assert read_classes(classifier, tmp_path, images, "sorted") == [0, 1, 2, 2, 3, 4]
    images = sources(tmp_path, "n6/x.png" if "/" in names[0] else "n6.png")
    with pytest.raises(RequestError, match="one for each of 5 classes, and there are 6"):
        read_classes(classifier, tmp_path, images, "sorted")


def test_classes_of_a_table(classifier: Classifier, tmp_path: Path) -> None:
    images = sources(tmp_path / "photos", "a.png", "deep/b,c.png")
    table = tmp_path / "classes.csv"
    table.write_text('class,file,note\n2,a.png,\nCardigan,"deep/b,c.png",x\n0,elsewhere.png,\n')
    assert read_classes(classifier, tmp_path / "photos", images, str(table)) == [2, 4]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (None, "give --labels FILE.csv, or --labels sorted"),
        ("", "first line must be file,class"),
        ("a.png,2\n", "first line must be file,class"),
        ("file,class\nb.png,2\n", "has no line for a.png and 1 more"),
        ("file,class\na.png,2\nc.png\n", "no class has ''"),
        ("file,class\na.png,2\nc.png,9\n", "there is no class 9"),
        ("file,class\na.png,2\nc.png,corgi\n", "could be Pembroke"),
    ],
)
def test_unknown_classes(
    classifier: Classifier, tmp_path: Path, table: str | None, said: str
) -> None:
    images = sources(tmp_path / "photos", "a.png", "c.png")
    path = tmp_path / "classes.csv"
    if table is not None:
        path.write_text(table)
    with pytest.raises(RequestError, match=said):
        read_classes(classifier, tmp_path / "photos", images, None if table is None else str(path))


def test_a_table_that_is_not_there(classifier: Classifier, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"none\.csv: cannot be read \(No such file"):
        read_classes(classifier, tmp_path, sources(tmp_path, "a.png"), str(tmp_path / "none.csv"))

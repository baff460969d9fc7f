"""Strokes stay on what they show, in films whose motion is known."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from styletransfer.errors import StyleError
from styletransfer.inference import Stylizer
from styletransfer.video import stylize_frames
from styletransfer.video.frames import paint_steadily
from styletransfer.video.motion import MotionFinder, Movable, chained, gray, no_motion, reduced
from styletransfer.video.stability import Stabilizer
from tests.styletransfer.tiny_model import tiny_model
from tests.styletransfer.video.films import Frames, pan, texture


def flickering(photographs: Frames, seed: int = 0) -> Frames:
    """Paintings that differ from frame to frame by strokes of their own."""
    random = np.random.default_rng(seed)
    noises = (random.normal(0, 40, (*frame.shape[:2], 1)) for frame in photographs)
    return [
        np.clip(frame + cv2.GaussianBlur(noise, (0, 0), 1.2)[..., None] * 3, 0, 255).astype(
            np.uint8
        )
        for frame, noise in zip(photographs, noises, strict=True)
    ]


def steadied(photographs: Frames, paintings: Frames, stability: float = 1.0) -> Frames:
    pairs = ((frame, number) for number, frame in enumerate(photographs))
    painted = paint_steadily(pairs, lambda _, number: paintings[number], Stabilizer(stability))
    return [frame for _, frame, _ in painted]


def warping_error(frames: Frames, step: int) -> float:
    """Mean squared change of what moves by `step` pixels to the left (Lai et al. 2018)."""
    changes = (
        (after[:, :-step].astype(float) - before[:, step:]) ** 2
        for before, after in pairwise(frames)
    )
    return float(np.mean([change.mean() for change in changes]))


def sharpness(frames: Frames) -> float:
    grays = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames)
    return float(np.mean([cv2.Laplacian(gray, cv2.CV_64F).var() for gray in grays]))


def test_flicker_goes_and_sharpness_stays() -> None:
    photographs = pan(24, 180, 320, step=3)
    paintings = flickering(photographs)
    frames = steadied(photographs, paintings)
    assert warping_error(frames, 3) < warping_error(paintings, 3) / 3
    assert sharpness(frames) > 0.9 * sharpness(paintings)


def test_without_stability_every_frame_is_painted_by_itself() -> None:
    photographs = pan(5)
    paintings = flickering(photographs)
    for frame, painting in zip(steadied(photographs, paintings, 0), paintings, strict=True):
        np.testing.assert_array_equal(frame, painting)


def test_a_cut_starts_afresh() -> None:
    photographs = [*pan(4, 180, 320), texture(180, 320, seed=9), texture(180, 320, seed=5)]
    paintings = flickering(photographs)
    frames = steadied(photographs, paintings)
    np.testing.assert_array_equal(frames[-2], paintings[-2])
    np.testing.assert_array_equal(frames[-1], paintings[-1])


def test_nothing_trails_behind_a_fast_square_and_it_is_shown_where_it_is() -> None:
    background, size = texture(180, 320), 48
    photographs = []
    for t in range(12):
        frame = background.copy()
        frame[60 : 60 + size, 40 + 12 * t : 40 + 12 * t + size] = (250, 20, 20)
        photographs.append(frame)
    frames = steadied(photographs, photographs)
    for t, (frame, photograph) in enumerate(zip(frames, photographs, strict=True)):
        apart = np.abs(frame.astype(int) - photograph)[60 : 60 + size]
        assert apart[:, 40 + 12 * t : 40 + 12 * t + size].mean() <= 8
        if t >= 3:  # what the square had left two frames ago
            assert apart[:, 40 + 12 * (t - 3) : 40 + 12 * (t - 2)].mean() <= 8


@pytest.mark.parametrize("size", [(2, 64), (9, 9), (20, 33), (300, 17)])
def test_small_frames(size: tuple[int, int]) -> None:
    photographs = [texture(*size, seed=seed // 3) for seed in range(9)]
    frames = steadied(photographs, photographs)
    assert [frame.shape for frame in frames] == [(*size, 3)] * 9


def test_tone_follows_the_light() -> None:
    frame = texture(180, 320) // 2
    photographs = [np.minimum(frame + t, 255).astype(np.uint8) for t in range(40)]
    frames = steadied(photographs, photographs)
    assert abs(float(frames[-1].mean()) - float(photographs[-1].mean())) < 12


def test_motion_is_found_and_its_border_is_not_trusted() -> None:
    first, second = (gray(reduced(frame)) for frame in pan(2, 180, 320, step=6))
    motion, back = MotionFinder()(second, first)
    scale = second.shape[0] / 180
    np.testing.assert_allclose(np.median(motion.flow, axis=(0, 1)), [6 * scale, 0], atol=0.1)
    np.testing.assert_allclose(np.median(back.flow, axis=(0, 1)), [-6 * scale, 0], atol=0.1)
    assert motion.trust[:, 10:-20].mean() > 0.9
    assert motion.trust[:, -3:].mean() < 0.2


def test_steps_are_chained() -> None:
    frames = [gray(reduced(frame)) for frame in pan(9, 180, 320, step=6)]
    find, way = MotionFinder(), no_motion(*frames[0].shape)
    for before, after in pairwise(frames):
        way = chained(find(after, before)[0], way)
    np.testing.assert_allclose(np.median(way.flow, axis=(0, 1)), [8 * 6 * 0.8, 0], atol=0.3)
    gone = round(8 * 6 * 0.8)
    assert way.trust[:, 10 : -gone - 5].mean() > 0.9
    assert way.trust[:, -gone:].mean() < 0.1


def test_twenty_moves_neither_blur_nor_sharpen() -> None:
    frame = moved = texture(120, 160)
    places = np.random.default_rng(0).uniform(-0.5, 0.5, (19, 2))
    for step in (*places, -places.sum(0)):
        motion = np.full((60, 80, 2), step / 2, np.float32)
        moved = Movable(moved).moved(motion, again=True)
    inner = (slice(20, -20), slice(20, -20))
    assert 0.8 < sharpness([moved[inner]]) / sharpness([frame[inner]]) < 1.2
    assert cv2.PSNR(moved[inner], frame[inner]) > 33


@pytest.mark.parametrize("places", [1, 4])
def test_whole_pixels_are_moved_exactly(places: int) -> None:
    frame = texture(64, 96)
    motion = np.zeros((64, 96, 2), np.float32)
    motion[..., 0] = places
    moved = Movable(frame).moved(motion)
    apart = cv2.absdiff(moved[8:-8, 8:-16], frame[8:-8, 8 + places : -16 + places])
    assert apart.max() < 3


def test_work_that_goes_on_is_the_same() -> None:
    photographs = pan(20, 120, 200)
    paintings = flickering(photographs)

    def done(stabilizer: Stabilizer, first: int, last: int) -> Frames:
        pairs = ((photographs[number], number) for number in range(first, last))
        painted = paint_steadily(pairs, lambda _, number: paintings[number], stabilizer)
        return [frame for _, frame, _ in painted]

    whole, begun, resumed = Stabilizer(), Stabilizer(), Stabilizer()
    expected = done(whole, 0, 7) + done(whole, 7, 20)
    frames = done(begun, 0, 7)
    resumed.state = {name: array.copy() for name, array in begun.state.items()}
    frames += done(resumed, 7, 20)
    np.testing.assert_array_equal(frames, expected)


def test_stylize_frames_is_lazy(tmp_path: Path) -> None:
    model = Stylizer(tiny_model(tmp_path / "m.onnx"))
    read = []

    def endless() -> Iterator[np.ndarray]:
        while True:
            read.append(1)
            yield np.full((20, 30, 3), 51, np.uint8)

    painted = stylize_frames(endless(), "udnie", stylizer=model, stability=0)
    assert [int(next(painted)[0, 0, 0]) for _ in range(3)] == [204, 204, 204]
    assert len(read) < 30
    painted.close()
    with pytest.raises(StyleError, match=r"not in 0\.\.1"):
        next(stylize_frames([], "udnie", stylizer=model, stability=-1))


@pytest.mark.parametrize("count", [0, 1, 2, 5, 6])
def test_stylize_frames_gives_every_frame_in_order(count: int, tmp_path: Path) -> None:
    model = Stylizer(tiny_model(tmp_path / "m.onnx"))
    photographs = pan(6, 120, 160)[:count]
    painted = list(stylize_frames(photographs, "identity", stylizer=model))
    assert len(painted) == count
    for frame, photograph in zip(painted, photographs, strict=True):
        assert np.abs(frame.astype(int) - photograph).mean() < 4

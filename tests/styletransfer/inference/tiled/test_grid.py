"""Tiles keep to the room that there is, in both directions, and compute as little as they can."""

from functools import cache

import pytest

from styletransfer.inference.tiled.grid import ALLOCATOR, SMALLEST, grid_of_side, grid_within
from styletransfer.inference.tiled.network import TiledNetwork
from tests.styletransfer.inference.compact_model import exported
from tests.styletransfer.inference.tiled.graphs import open_session

SHAPES = [(2000, 2000), (400, 20000), (20000, 400), (1, 5000), (5000, 1), (64, 64)]


@cache
def network() -> TiledNetwork:
    return TiledNetwork(exported(), 3, open_session)


def greatest(size: tuple[int, int], counts: tuple[tuple[int, int], ...]) -> float:
    """The most bytes that a tile of any pass takes, all tiles looked at."""
    graph = network().graph
    layout = graph.layout(*size)
    return max(
        ALLOCATOR * one.cost(graph, rows, columns)
        for one, (down, across) in zip(network().passes, counts, strict=True)
        for rows in one.tiles(layout, 0, down)
        for columns in one.tiles(layout, 1, across)
    )


@pytest.mark.parametrize("size", SHAPES)
def test_no_tile_takes_more_than_it_may(size: tuple[int, int]) -> None:
    room = 24_000_000
    grid, taken = grid_within(network(), size, room)
    assert taken <= room
    assert greatest(size, grid.counts) <= 1.02 * room  # tiles differ by a row


@pytest.mark.parametrize("size", SHAPES)
def test_the_least_is_enough_and_no_less(size: tuple[int, int]) -> None:
    _, least = grid_within(network(), size, 0)
    assert least > 0
    _, taken = grid_within(network(), size, least)
    assert taken <= least
    _, taken = grid_within(network(), size, least - 1)
    assert taken > least - 1


def test_a_picture_that_fits_is_one_tile() -> None:
    grid, _ = grid_within(network(), (300, 400), 10**9)
    assert set(grid.counts) == {(1, 1)}


def test_more_room_takes_no_more_tiles() -> None:
    tiles = [
        sum(down * across for down, across in grid_within(network(), (900, 3000), room)[0].counts)
        for room in (4_000_000, 16_000_000, 64_000_000, 256_000_000)
    ]
    assert tiles == sorted(tiles, reverse=True)
    assert len(set(tiles)) == 4


def test_a_side() -> None:
    counts = grid_of_side(network(), (1000, 300), 250).counts
    assert set(counts) == {(4, 2)}
    assert set(grid_of_side(network(), (3, 1), SMALLEST).counts) == {(1, 1)}

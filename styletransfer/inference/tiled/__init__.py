"""Stylize pictures that do not fit in memory, tile by tile, with the same result."""

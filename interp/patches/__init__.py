"""Texture synthesis from patches: more of a sample, pixel by pixel or block by block."""

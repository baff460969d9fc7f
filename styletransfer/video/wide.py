"""Turn HDR and BT.2020 colors into sRGB, by a table that FFmpeg looks up."""

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

PQ, HLG = 16, 18  # FFmpeg's numbers of the transfer functions
BT2020 = 9  # of the primaries
_SIZE = 33  # points of the table in each direction
_WHITE = 203.0  # cd/m² of white in HDR (ITU-R BT.2408)
_PEAK = 1000.0  # cd/m² that becomes 255
_TO_BT709 = np.array(  # ITU-R BT.2087
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_LUMINANCE_2020 = np.array([0.2627, 0.678, 0.0593])


def is_wide(frame: Any) -> bool:
    """Tell whether a frame is HDR or has the colors of BT.2020."""
    return int(frame.color_trc) in (PQ, HLG) or int(frame.color_primaries) == BT2020


def to_srgb(values: Float, transfer: int, primaries: int) -> Float:
    """Convert the values of a film to those of sRGB.

    HDR is tone-mapped: 203 cd/m², which is white on paper, becomes 0.75, and 1000 cd/m² becomes 1.
    SDR keeps its curve.

    Args:
        values: R, G and B in 0..1, shape [..., 3].
        transfer: FFmpeg's number of the transfer function.
        primaries: FFmpeg's number of the primaries.

    Reference:
        Reinhard et al. 2002, Photographic Tone Reproduction for Digital Images.
    """
    hdr = transfer in (PQ, HLG)
    light = _light(values, transfer)
    if primaries == BT2020:
        light = light @ _TO_BT709.T
    if hdr:
        white = _PEAK / _WHITE
        bright = np.maximum(light @ _LUMINANCE, 0)[..., np.newaxis]
        light = light * (1 + bright / white**2) / (1 + bright)
    light = np.clip(light, 0, 1)
    if not hdr:
        return np.asarray(light ** (1 / 2.4))
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _light(values: Float, transfer: int) -> Float:
    """Return linear light, in which 1 is white."""
    if transfer == PQ:  # SMPTE ST 2084
        root = values ** (32 / 2523)
        light = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
        return np.asarray(10_000 * light ** (8192 / 1305) / _WHITE)
    if transfer == HLG:  # ITU-R BT.2100, on a display of 1000 cd/m²
        bright = (np.exp((values - 0.55991073) / 0.17883277) + 0.28466892) / 12
        scene = np.where(values <= 0.5, values**2 / 3, bright)
        gain = (scene @ _LUMINANCE_2020)[..., np.newaxis] ** 0.2
        return np.asarray(1000 * gain * scene / _WHITE)
    return np.asarray(values**2.4)  # ITU-R BT.1886


class WideToRgb:
    """Convert frames like the first one to sRGB of one size.

    Args:
        frame: The first frame.
        width: Width in pixels.
        height: Height in pixels.
    """

    def __init__(self, frame: Any, width: int, height: int) -> None:
        self._size = width, height
        self._graph = av.filter.Graph()
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "table.cube"
            _write_table(table, int(frame.color_trc), int(frame.color_primaries))
            nodes = [
                self._graph.add_buffer(
                    width=width,
                    height=height,
                    format=av.VideoFormat("gbrp12le"),
                    time_base=Fraction(1, 1000),
                ),
                self._graph.add("lut3d", file=str(table)),
                self._graph.add("format", "rgb24"),
                self._graph.add("buffersink"),
            ]
            self._graph.link_nodes(*nodes).configure()

    def __call__(self, frame: Any, **words: Any) -> Any:
        """Return a converted frame; `words` are those of PyAV's `reformat`."""
        self._graph.push(frame.reformat(*self._size, "gbrp12le", **words))
        return self._graph.pull()


def _write_table(path: Path, transfer: int, primaries: int) -> None:
    steps = np.linspace(0, 1, _SIZE)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")  # red changes first
    values = np.stack([red, green, blue], axis=-1).reshape(-1, 3)
    with path.open("w") as file:
        file.write(f"LUT_3D_SIZE {_SIZE}\n")
        np.savetxt(file, to_srgb(values, transfer, primaries), fmt="%.6f")

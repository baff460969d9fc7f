"""ICC profiles made by hand, and the colors that they should give."""

import struct

import numpy as np

# sRGB's primaries and white, adapted to D50, as columns X Y Z of the profile connection space.
SRGB_TO_XYZ = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
ADOBE_TO_XYZ = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
D50 = (0.9642, 1.0, 0.8249)


def xyz_tag(values: object) -> bytes:
    return b"XYZ \0\0\0\0" + np.round(np.array(values) * 65536).astype(">i4").tobytes()


def srgb_table_tag() -> bytes:
    """sRGB's curve in 1024 steps, as in the profile that most cameras embed."""
    encoded = np.linspace(0, 1, 1024)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return b"curv\0\0\0\0" + struct.pack(">I", 1024) + (linear * 65535).astype(">u2").tobytes()


def gamma_tag(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)


def icc(space: bytes, connection: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr") -> bytes:
    tags = {b"wtpt": xyz_tag(D50), **tags}
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data.ljust((len(data) + 3) // 4 * 4, b"\0")
    header = struct.pack(">I4sI", offset + len(body), b"\0\0\0\0", 0x02400000)
    header += kind + space + connection + struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp"
    header = header.ljust(68, b"\0") + np.round(np.array(D50) * 65536).astype(">i4").tobytes()
    return header.ljust(128, b"\0") + table + body


def rgb_profile(matrix: np.ndarray, curve: bytes) -> bytes:
    columns = {name: xyz_tag(matrix[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return icc(b"RGB ", b"XYZ ", columns | curves)


def gray_profile(gamma: float) -> bytes:
    return icc(b"GRAY", b"XYZ ", {b"kTRC": gamma_tag(gamma)})


def cmyk_profile() -> bytes:
    """Lightness falls with the mean of C, M, Y times what K leaves; no color at all."""
    corners = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    lab = bytes(
        value
        for c, m, y, k in corners
        for value in (round(255 * (1 - (c + m + y) / 3) * (1 - k)), 128, 128)
    )
    ramp = bytes(range(256))
    identity = np.eye(3).astype(">i4") * 65536
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity.astype(">i4").tobytes()
    return icc(b"CMYK", b"Lab ", {b"A2B0": table + ramp * 4 + lab + ramp * 3}, b"prtr")


def srgb_encoded(linear: np.ndarray) -> np.ndarray:
    linear = np.clip(linear, 0, 1)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return 255 * curve


def lab_to_srgb(lightness: float, a: float, b: float) -> np.ndarray:
    y = (lightness + 16) / 116
    f = np.array([y + a / 500, y, y - b / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * D50
    return srgb_encoded(np.linalg.solve(SRGB_TO_XYZ, xyz))

"""Make image files of every kind the tests need, byte by byte where OpenCV does not write them."""

import struct
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.uint8]


def encoded(pixels: NDArray[np.uint8] | NDArray[np.uint16], suffix: str, *flags: int) -> bytes:
    """Encode with OpenCV."""
    done, data = cv2.imencode(suffix, pixels, flags)
    assert done
    return data.tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, depth: int, colour_type: int, rows: bytes, *before_data: bytes
) -> bytes:
    """Write a PNG from packed rows, each without its filter byte."""
    row_bytes = len(rows) // height
    filtered = b"".join(b"\0" + rows[i * row_bytes : (i + 1) * row_bytes] for i in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *before_data,
            chunk(b"IDAT", zlib.compress(filtered)),
            chunk(b"IEND", b""),
        )
    )


WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I"}
"""Types of TIFF and EXIF tags: BYTE, SHORT, LONG, the same signed, and IFD."""


def exif(orientation: int, endian: str = "<", kind: int = 3) -> bytes:
    """Write the smallest EXIF block: a TIFF header and a directory of one entry."""
    mark = b"II*\0" if endian == "<" else b"MM\0*"
    value = struct.pack(endian + WHOLE_NUMBERS[kind], orientation).ljust(4, b"\0")
    entry = struct.pack(endian + "HHI", 274, kind, 1) + value
    return mark + struct.pack(endian + "IH", 8, 1) + entry + struct.pack(endian + "I", 0)


def jpeg_with_exif(data: bytes, orientation: int, endian: str = "<") -> bytes:
    body = b"Exif\0\0" + exif(orientation, endian)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def with_segment(data: bytes, marker: int, body: bytes) -> bytes:
    """Put a segment behind the JFIF segment that OpenCV writes first."""
    return data[:20] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + data[20:]


def png_with_exif(data: bytes, orientation: int) -> bytes:
    after_header = 8 + 12 + 13
    return data[:after_header] + chunk(b"eXIf", exif(orientation)) + data[after_header:]


def webp_with_exif(data: bytes, orientation: int, width: int, height: int) -> bytes:
    """Put a simple WebP file into an extended one with an EXIF chunk."""
    block = exif(orientation)
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    has_exif = 0x08
    extended = b"VP8X" + struct.pack("<IB3x", 10, has_exif) + size
    remark = b"EXIF" + struct.pack("<I", len(block)) + block + b"\0" * (len(block) % 2)
    body = b"WEBP" + extended + data[12:] + remark
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff(
    pixels: Array, orientation: int = 1, endian: str = "<", extra_samples: int | None = None
) -> bytes:
    """Write an uncompressed 8-bit TIFF of one strip: grey, or R, G, B and declared alpha."""
    height, width = pixels.shape[:2]
    channels = pixels.size // (height * width)
    strip_at = 8
    depths_at = strip_at + pixels.size
    tags = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, channels, depths_at if channels > 2 else 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1 if channels == 1 else 2),
        (273, 4, 1, strip_at),
        (274, 3, 1, orientation),
        (277, 3, 1, channels),
        (278, 3, 1, height),
        (279, 4, 1, pixels.size),
    ]
    if extra_samples is not None:
        tags.append((338, 3, 1, extra_samples))
    mark = b"II*\0" if endian == "<" else b"MM\0*"
    return b"".join(
        (
            mark,
            struct.pack(endian + "I", depths_at + 8),
            pixels.tobytes(),
            struct.pack(endian + "4H", 8, 8, 8, 8),
            struct.pack(endian + "H", len(tags)),
            *(_tiff_entry(endian, *tag) for tag in tags),
            bytes(4),
        )
    )


def _tiff_entry(endian: str, tag: int, kind: int, count: int, value: int) -> bytes:
    short = kind == 3 and count < 3
    return struct.pack(endian + ("HHIH2x" if short else "HHII"), tag, kind, count, value)


def scene(height: int = 96, width: int = 64, seed: int = 0) -> Array:
    """Make a smooth colour picture, uint8 (height, width, 3), different at every corner."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 5).astype(np.float64)
    spread = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return np.asarray(20 + 215 * spread, np.uint8)

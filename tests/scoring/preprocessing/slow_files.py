"""Files that cost far more than they are long: they took minutes, or gigabytes, or for ever."""

import struct
import zlib
from collections.abc import Callable

import cv2

from tests.scoring.preprocessing import tiff_files as tf
from tests.scoring.preprocessing.image_files import chunk, encoded, scene, tiff
from tests.scoring.preprocessing.tiff_files import LONG, SHORT, grey_tags, tiff_file

END_OF_JPEG = b"\xff\xd9"


def segment(marker: int, body: bytes) -> bytes:
    """Write a JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def empty_scans(scans: int, width: int, height: int) -> bytes:
    """Write a grey progressive JPEG: a scan of DC, then many of AC that hold nothing."""
    blocks = -(-width // 8) * -(-height // 8)
    one_code = bytes((1, *[0] * 15))
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"
    head = segment(0xDB, b"\0" + b"\x10" * 64) + segment(0xC2, frame)
    dc = segment(0xC4, b"\0" + one_code + b"\0") + segment(0xDA, b"\1\1\0\0\0\0")
    ac = segment(0xC4, b"\x10" + one_code + b"\0") + segment(0xDA, b"\1\1\0\1\x3f\0")
    bits = bytes(-(-blocks // 8))  # a bit of zero a block: no difference, or end of block
    return b"\xff\xd8" + head + dc + bits + (ac + bits) * scans + END_OF_JPEG


def many_scans_of_a_large_picture() -> bytes:
    """The header of 100 megapixels before 60 scans; each passes over all of it."""
    small, large = empty_scans(60, 64, 64), empty_scans(0, 10_000, 9_992)
    at, size = small.index(b"\xff\xc2") + 5, large.index(b"\xff\xc2") + 5
    return small[:at] + large[size : size + 4] + small[at + 4 :]


def jpeg_cut_and_filled(fill: bytes, count: int, *, progressive: int = 0) -> bytes:
    """Cut a JPEG in half and fill it up."""
    data = encoded(scene(), ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
    return data[: len(data) // 2] + fill * count


def jpeg_behind(segments: bytes) -> bytes:
    """Put segments into the head of a JPEG."""
    data = encoded(scene(), ".jpg")
    return data[:20] + segments + data[20:]


def png_with(more: bytes) -> bytes:
    """Put chunks before a PNG's data."""
    data = encoded(scene(), ".png")
    return data[:33] + more + data[33:]


def png_bomb(gigabytes: int) -> bytes:
    """Write a small PNG whose data inflates on behind its last row."""
    packer = zlib.compressobj(9)
    rows = packer.compress(bytes(29 * 28)) + packer.flush(zlib.Z_FULL_FLUSH)
    ten_megabytes = packer.compress(bytes(10_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0))
    data = chunk(b"IDAT", rows + ten_megabytes * 100 * gigabytes)
    return b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b"")


def gif_with(more: bytes) -> bytes:
    """Put blocks before a GIF's picture."""
    data = encoded(scene(), ".gif")
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    return data[:at] + more + data[at:]


def webp_with(more: bytes) -> bytes:
    """Put chunks into an extended WebP."""
    data = encoded(scene(), ".webp")
    canvas = (63).to_bytes(3, "little") + (95).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<IB3x", 10, 0) + canvas + more + data[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff_of_tiny_tiles() -> bytes:
    """Write a picture of a million tiles of one pixel."""
    tags = {
        tf.WIDTH: (SHORT, [1000]),
        tf.HEIGHT: (SHORT, [1000]),
        tf.DEPTH: (SHORT, [8]),
        tf.COLOURS: (SHORT, [1]),
        tf.TILE_WIDTH: (SHORT, [1]),
        tf.TILE_HEIGHT: (SHORT, [1]),
        tf.TILES: (LONG, [8] * 1_000_000),
        tf.TILE_COUNTS: (tf.BYTE, [1] * 1_000_000),
    }
    return tiff_file(tags, bytes(64))


def tiff_of_a_huge_tile() -> bytes:
    """Write a small picture in one tile of a billion pixels."""
    tags = {
        tf.WIDTH: (SHORT, [64]),
        tf.HEIGHT: (SHORT, [96]),
        tf.DEPTH: (SHORT, [8]),
        tf.COMPRESSION: (SHORT, [5]),
        tf.COLOURS: (SHORT, [1]),
        tf.TILE_WIDTH: (SHORT, [32_000]),
        tf.TILE_HEIGHT: (SHORT, [32_000]),
        tf.TILES: (LONG, [8]),
        tf.TILE_COUNTS: (LONG, [64]),
    }
    return tiff_file(tags, bytes(64))


def tiff_of_shared_strips() -> bytes:
    """Write 60,000 strips that are the same 100 kB: the decoder would read 6 GB."""
    tags = grey_tags(scene()[:, :, 0], rows=1) | {
        tf.HEIGHT: (SHORT, [60_000]),
        tf.COMPRESSION: (SHORT, [5]),
        tf.STRIPS: (LONG, [8] * 60_000),
        tf.COUNTS: (LONG, [100_000] * 60_000),
    }
    return tiff_file(tags, bytes(200_000))


def tiff_with_tags(count: int, table_bytes: int) -> bytes:
    """Write a TIFF with many tags nobody knows, all of which name one table."""
    grey = scene()[:, :, 0]
    shared = tiff_file(grey_tags(grey), grey.tobytes() + bytes(table_bytes))
    (directory,) = struct.unpack_from("<I", shared, 4)
    (known,) = struct.unpack_from("<H", shared, directory)
    end = directory + 2 + 12 * known
    more = b"".join(struct.pack("<HHII", 40_000 + n, 1, table_bytes, 8) for n in range(count))
    entries = struct.pack("<H", known + count) + shared[directory + 2 : end] + more
    return shared[:directory] + entries + bytes(4)


def heif_with_boxes(count: int) -> bytes:
    """Write the head of a HEIF file, and empty boxes."""
    return struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x08free" * count


REFUSED: dict[str, Callable[[], bytes]] = {
    "cut-and-erased.jpg": lambda: jpeg_cut_and_filled(b"\xff", 2_000_000),
    "cut-and-erased-progressive.jpg": lambda: jpeg_cut_and_filled(b"\xff", 10**6, progressive=1),
    "cut-and-restarted.jpg": lambda: jpeg_cut_and_filled(b"\xff\xd0", 10**6),
    "empty-scans.jpg": lambda: empty_scans(20_000, 512, 512),
    "large-scans.jpg": many_scans_of_a_large_picture,
    "empty-comments.jpg": lambda: jpeg_behind(b"\xff\xfe\0\2" * 1_000_000),
    "empty-tables.jpg": lambda: jpeg_behind(segment(0xC4, b"") * 1_000_000),
    "empty-texts.png": lambda: png_with(chunk(b"tEXt", b"") * 500_000),
    "empty-data.png": lambda: png_with(chunk(b"IDAT", b"") * 500_000),
    "endless-data.png": lambda: png_bomb(4),
    "empty-remarks.gif": lambda: gif_with(b"!\xfe\0" * 1_000_000),
    "empty-chunks.webp": lambda: webp_with(b"junk\0\0\0\0" * 500_000),
    "tiny-tiles.tif": tiff_of_tiny_tiles,
    "huge-tile.tif": tiff_of_a_huge_tile,
    "shared-strips.tif": tiff_of_shared_strips,
    "empty-boxes.heic": lambda: heif_with_boxes(1_000_000),
}
"""Each must be refused at once."""

READ: dict[str, Callable[[], bytes]] = {
    "shared-table.tif": lambda: tiff_with_tags(1_000, 4_000_000),
    "many-remarks.jpg": lambda: jpeg_behind(segment(0xFE, bytes(1_000)) * 1_000),
    "many-texts.png": lambda: png_with(chunk(b"tEXt", bytes(1_000)) * 10_000),
    "left-over.jpg": lambda: encoded(scene(), ".jpg") + b"\xff" * 2_000_000,
    "left-over.png": lambda: encoded(scene(), ".png") + bytes(2_000_000),
    "left-over.tif": lambda: tiff(scene()[:, :, 0]) + bytes(2_000_000),
}
"""Each is whole, and its picture must be read, at once."""

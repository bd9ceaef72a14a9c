"""PNG (ISO/IEC 15948): every chunk carries its length and a CRC, so damage is always seen.

What must be whole is the picture: its header, palette, transparency, data and end. A wrong
checksum in a remark costs nothing, so remarks are left out before the decoder sees them, and with
them what it would print about them.
"""

import struct
import zlib
from collections.abc import Iterator

from scoring.preprocessing.errors import CorruptImage, TooMuchWork, TruncatedImage
from scoring.preprocessing.formats.exif import UPRIGHT, orientation_of
from scoring.preprocessing.formats.header import FIRST_FRAME, Header

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IHDR_BYTES = 13
_DEPTH = 24  # where the head says how many bits a sample has
_CHUNK_FRAME = 12
_PICTURE = frozenset({b"IHDR", b"tRNS", b"IDAT", b"IEND"})
_PICTURE_OF_PALETTE = _PICTURE | {b"PLTE"}
_GREY, _PALETTE = b"\0", b"\3"
# Programs write 8 kB of data in a chunk or more; with 1 kB, 64 MB would be 62,500 chunks.
_MAX_CHUNKS = 70_000
# The decoder inflates all there is, also behind the last row: Deflate makes up to 1,032 of a byte.
# Less than this is inflated within seconds whatever it is; more is looked at first.
_HARMLESS_BYTES = 2_000_000
_HARMLESS_INFLATED = 1_000_000_000
_MOST_BYTES_A_PIXEL = 8  # four samples of 16 bits; and a byte a row
_AT_ONCE = 1 << 18
_chunk_head = struct.Struct(">I4s").unpack_from
_crc = struct.Struct(">I").unpack_from
_size = struct.Struct(">II").unpack_from
# What a file begins with whose picture data comes right behind the head: the head (width, height,
# depth, kind of colour and three bytes more), its checksum; length and type of the data.
_begin = struct.Struct(">8sI4sIIBB3xII4s").unpack_from
_BEGIN_BYTES, _DATA_TYPE = 41, 37
_END = b"\0\0\0\0IEND\xaeB`\x82"


def read_header(data: bytes) -> Header:
    """Check the CRC of each chunk that the picture is made of, up to IEND."""
    return _barest(data) or _walk(data)


def _barest(data: bytes) -> Header | None:
    """Return the header of a file of one head, one chunk of data and the end; else None.

    So is every small picture without remarks. A walk costs four times as much, a tenth of all that
    reading such a file takes; who finds anything wrong here leaves it to the walk to say what.
    """
    if not _BEGIN_BYTES < len(data) <= _HARMLESS_BYTES or not data.endswith(_END):
        return None
    signature, head_bytes, head, width, height, depth, colour, head_crc, length, kind = _begin(data)
    size = _DATA_TYPE + len(kind) + length
    is_bare = (signature, head_bytes, head, kind) == (SIGNATURE, _IHDR_BYTES, b"IHDR", b"IDAT")
    if not is_bare or size + 4 + len(_END) != len(data) or colour == 3 or not width or not height:
        return None
    if zlib.crc32(data[12:29]) != head_crc:
        return None
    if zlib.crc32(data[_DATA_TYPE:size]) != _crc(data, size)[0]:
        return None
    return Header("png", width, height, plain=True, deep=depth > 8)


def _walk(data: bytes) -> Header:
    exif: bytes | None = None
    note = None
    data_end = end = 0
    remarks = False
    view = memoryview(data)
    picture = _picture_chunks(data)
    for kind, start, end in _chunks(data):
        if kind in picture:
            if not _is_sound(view, start, end):
                raise CorruptImage(f"PNG checksum of chunk {kind.decode()!r}")
            if kind == b"IDAT":
                if data_end not in (0, start):
                    raise CorruptImage("PNG whose picture data is interrupted")
                data_end = end
            continue
        remarks = True
        if kind == b"eXIf" and exif is None and _is_sound(view, start, end):
            exif = data[start + 8 : end - 4]
        elif kind == b"acTL" and data[start + 8 : start + 12] > b"\0\0\0\1":
            note = FIRST_FRAME
    if not data_end:
        raise CorruptImage("PNG without picture data")
    width, height = _size(data, 16)
    if not width or not height:
        raise CorruptImage("PNG without size")
    orientation = orientation_of(exif) if exif else UPRIGHT
    plain = not remarks and end == len(data) <= _HARMLESS_BYTES
    return Header("png", width, height, orientation, note=note, plain=plain, deep=data[_DEPTH] > 8)


def picture_only(data: bytes) -> bytes:
    """Return a checked PNG without what is no part of its (first) picture.

    OpenCV heeds none of it, but libpng prints warnings for many a colour profile or remark.
    Raises TooMuchWork where there is far more data than the picture needs.
    """
    picture = _picture_chunks(data)
    kept = [(start, end) for kind, start, end in _chunks(data) if kind in picture]
    whole = len(SIGNATURE) + sum([end - start for start, end in kept])
    if whole > _HARMLESS_BYTES:
        _check_for_bomb(data, kept)
    if whole == len(data):
        return data
    return b"".join((SIGNATURE, *[data[start:end] for start, end in kept]))


def transparent_level(data: bytes) -> int | None:
    """Return the level of grey that is see-through in a checked picture without alpha of its own.

    As the decoder spells it: of 8 bits, or 16. OpenCV leaves it opaque, unlike a colour.
    """
    if data[25:26] != _GREY or data[37:41] == b"IDAT":
        return None
    for kind, start, end in _chunks(data):
        if kind == b"tRNS" and end - start >= _CHUNK_FRAME + 2:
            depth, level = data[_DEPTH], int.from_bytes(data[start + 8 : start + 10])
            return level if depth > 8 else (level & (1 << depth) - 1) * 255 // ((1 << depth) - 1)
    return None


def _picture_chunks(data: bytes) -> frozenset[bytes]:
    """Only pictures that index a palette need it; to others it is a remark."""
    return _PICTURE_OF_PALETTE if data[25:26] == _PALETTE else _PICTURE


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end of each chunk, the header first, up to IEND."""
    offset, size = len(SIGNATURE), len(data)
    if size < offset + _CHUNK_FRAME + _IHDR_BYTES:
        raise TruncatedImage("PNG ends inside its header")
    if _chunk_head(data, offset) != (_IHDR_BYTES, b"IHDR"):
        raise CorruptImage("PNG without its header chunk")
    for _ in range(_MAX_CHUNKS):
        if offset + _CHUNK_FRAME > size:
            raise TruncatedImage("PNG ends before its end chunk")
        length, kind = _chunk_head(data, offset)
        end = offset + _CHUNK_FRAME + length
        if end > size:
            raise TruncatedImage("PNG ends inside a chunk")
        yield kind, offset, end
        if kind == b"IEND":
            return
        offset = end
    raise TooMuchWork(f"PNG of more than {_MAX_CHUNKS:,} chunks")


def _is_sound(view: memoryview, start: int, end: int) -> bool:
    """Hold a chunk's type and body against the checksum behind them."""
    found: int = _crc(view, end - 4)[0]
    return zlib.crc32(view[start + 4 : end - 4]) == found


def _check_for_bomb(data: bytes, chunks: list[tuple[int, int]]) -> None:
    """Inflate the picture data, little at a time, to see that it ends. Damage is not seen here."""
    width, height = _size(data, 16)
    left = _MOST_BYTES_A_PIXEL * width * height + _HARMLESS_INFLATED
    stream = zlib.decompressobj()
    for start, end in chunks:
        rest = data[start + 8 : end - 4] if data[start + 4 : start + 8] == b"IDAT" else b""
        while rest and not stream.eof:
            try:
                left -= len(stream.decompress(rest, _AT_ONCE))
            except zlib.error:
                return
            if left < 0:
                raise TooMuchWork("PNG with far more data than its pixels need")
            rest = stream.unconsumed_tail

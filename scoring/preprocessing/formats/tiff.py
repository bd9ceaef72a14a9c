"""TIFF: its first page, and the strips or tiles of pixels that it is made of.

Programs disagree on what a directory must say: lengths of strips are missing, wrong or of another
type, and so is much else. What can be worked out from the rest is, as libtiff and Pillow do; the
decoder then gets a directory of what the picture needs and nothing else.

The orientation is no part of that: OpenCV turns a picture of tiles tile by tile, and leaves each at
its place.
"""

from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

from msgspec import Struct

from scoring.preprocessing.errors import (
    CorruptImage,
    TooMuchWork,
    TruncatedImage,
    UnsupportedFormat,
)
from scoring.preprocessing.formats.exif import UPRIGHT
from scoring.preprocessing.formats.header import FIRST_FRAME, Header
from scoring.preprocessing.formats.tiff_directory import Directory

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
UNCOMPRESSED, LZW, JPEG, PACK_BITS = 1, 5, 7, 32773
DEFLATE = (8, 32946)
CHECKED = (UNCOMPRESSED, LZW, PACK_BITS, *DEFLATE)
# Fax of four kinds, JPEG of two ages, ThunderScan, SGI's logarithms, LZMA, Zstandard. Not WebP,
# which Pillow's libtiff may lack, nor JPEG 2000, LERC, JPEG XL and whatever else there is.
_READ = frozenset((*CHECKED, JPEG, 2, 3, 4, 6, 32771, 32809, 34676, 34677, 34925, 50000))

_SUBFILE, _WIDTH, _HEIGHT, _DEPTH, _COMPRESSION, _COLOURS = 254, 256, 257, 258, 259, 262
_FILL_ORDER, _STRIPS, _ORIENTATION, _SAMPLES, _ROWS, _STRIP_BYTES = 266, 273, 274, 277, 278, 279
_PLANAR, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 284, 322, 323, 324, 325
_JPEG_TABLES = 347
_PALETTE, _EXTRA_SAMPLES, _SUBDIRECTORIES, _SUBSAMPLING, _DNG_VERSION = 320, 338, 330, 530, 50706
# Threshold, fax options, response, predictor, palette, inks, samples, JPEG of three ages, chroma.
_FURTHER = frozenset((263, 292, 293, 317, 332, 334)).union(
    range(280, 282), range(290, 292), range(339, 342), range(512, 522), range(529, 533)
)
_PICTURE = frozenset(
    (_WIDTH, _HEIGHT, _DEPTH, _COMPRESSION, _COLOURS, _FILL_ORDER, _SAMPLES, _ROWS)
).union(
    (_PLANAR, _TILE_WIDTH, _TILE_HEIGHT, _PALETTE, _EXTRA_SAMPLES, _JPEG_TABLES),
    _FURTHER,
)
_ORIENTATIONS = range(1, 9)
_REDUCED, _SEPARATE, _INDEXED, _YCBCR, _NORMAL_FILL = 1, 2, 3, 6, 1
_MIN_IS_WHITE = 0
_UNSPECIFIED, _ASSOCIATED, _UNASSOCIATED = 0, 1, 2

# A strip for each row of each of four planes of the largest side there is (65,535); a picture of
# 100 megapixels in tiles of 20 x 20. Programs write strips of 8 kB and tiles of 128 x 128 or more.
_MAX_PIECES = 1 << 18
# Tiles reach over the edge of a picture; these, more than 16 megapixels over it, do for nothing.
_OVER_THE_EDGE = 1 << 24
# Strips may share their bytes, but each is read anew.
_MOST_READ = 4
_MOST_SAMPLE_BITS = 16 * 64


class Piece(Struct, frozen=True):
    """A strip or tile: where its bytes are, and the rows and bytes a row that they unpack to."""

    start: int
    length: int
    rows: int
    row_bytes: int


class Page:
    """The first page of a file: geometry, and pieces that are known to lie inside the file."""

    def __init__(self, data: bytes) -> None:
        """Raises DecodeError where the directory makes no picture."""
        self._data = data
        self.tags = tags = Directory(data)
        self.width, self.height = tags.number(_WIDTH, 0), tags.number(_HEIGHT, 0)
        if not self.width or not self.height:
            raise CorruptImage("TIFF without size")
        self.compression = tags.number(_COMPRESSION, UNCOMPRESSED)
        self.depth = tags.number(_DEPTH, 1)
        self.samples = tags.number(_SAMPLES, 1)
        if not 0 < self.depth * self.samples <= _MOST_SAMPLE_BITS:
            raise CorruptImage("TIFF with samples that no picture has")
        lacks_palette = len(tags.numbers(_PALETTE, 3 << min(self.depth, 16))) < 3 << self.depth
        if tags.number(_COLOURS, 1) == _INDEXED and lacks_palette:
            raise CorruptImage("TIFF without its palette")
        self.tiled = _TILE_WIDTH in tags
        separate = tags.number(_PLANAR, 1) == _SEPARATE
        self.planes = self.samples if separate else 1
        self._sample_bits = self.depth * (1 if separate else self.samples)

    @cached_property
    def grid(self) -> tuple[int, int, int]:
        """Width and height of a piece, and how many make a plane. Raises DecodeError."""
        tags, width, height = self.tags, self.width, self.height
        if self.tiled:
            tile_width, tile_height = tags.number(_TILE_WIDTH, 0), tags.number(_TILE_HEIGHT, 0)
            if not tile_width or not tile_height:
                raise CorruptImage("TIFF tiles without size")
            per_plane = -(-width // tile_width) * -(-height // tile_height)
            if per_plane * tile_width * tile_height > 4 * width * height + _OVER_THE_EDGE:
                raise TooMuchWork("TIFF with tiles far larger than its picture")
        else:
            rows = tags.number(_ROWS, height) or height
            tile_width, tile_height = width, min(rows, height)
            per_plane = -(-height // tile_height)
        if per_plane * self.planes > _MAX_PIECES:
            raise TooMuchWork(f"TIFF of more than {_MAX_PIECES:,} strips or tiles")
        return tile_width, tile_height, per_plane

    @cached_property
    def pieces(self) -> list[Piece]:
        """All strips or tiles, plane by plane. Raises TruncatedImage, CorruptImage, TooMuchWork."""
        (width, rows, per_plane), tags = self.grid, self.tags
        count = per_plane * self.planes
        starts = self._table(_TILES, _STRIPS)[:count]
        if len(starts) < count or not all(starts):
            raise CorruptImage("TIFF without its table of strips")
        lengths = self._table(_TILE_BYTES, _STRIP_BYTES)[:count]
        if len(lengths) < count or not all(lengths):
            if tags.has_unknown_types:  # where libtiff gives up, too
                raise CorruptImage("TIFF directory with types that nobody knows")
            lengths = self._lengths_by_place(starts)
        last = rows if self.tiled else self.height - rows * (per_plane - 1)
        sizes = {piece_rows: self._unpacked(width, piece_rows) for piece_rows in (rows, last)}
        found = []
        for number, (start, length) in enumerate(zip(starts, lengths, strict=True), start=1):
            size = sizes[last if number % per_plane == 0 else rows]
            found.append(Piece(start, self._length(start, length, *size), *size))
        if sum([piece.length for piece in found]) > _MOST_READ * len(self._data) and self._packed:
            raise TooMuchWork("TIFF with strips that share their bytes")
        return found

    def _unpacked(self, width: int, rows: int) -> tuple[int, int]:
        """Return rows and bytes a row; chroma may be stored for several rows at once."""
        if not self._subsampled:
            return rows, -(-width * self._sample_bits // 8)
        across, down = (*self.tags.numbers(_SUBSAMPLING, 2), 2, 2)[:2]
        if across < 1 or down < 1:
            raise CorruptImage("TIFF with senseless chroma")
        samples = -(-width // across) * (across * down + 2)
        return -(-rows // down), -(-samples * self.depth // 8)

    @property
    def _subsampled(self) -> bool:
        is_ycbcr = self.tags.number(_COLOURS, 1) == _YCBCR and self.samples == 3
        return is_ycbcr and self.planes == 1 and self.compression in CHECKED

    @property
    def _packed(self) -> bool:
        return self.compression != UNCOMPRESSED

    def _table(self, *tags: int) -> tuple[int, ...]:
        """Read the first of the tags that is there; tiles may be called strips."""
        for tag in tags if self.tiled else tags[::-1]:
            numbers = self.tags.numbers(tag, _MAX_PIECES)
            if numbers:
                return numbers if min(numbers) >= 0 else ()
        return ()

    def _lengths_by_place(self, starts: tuple[int, ...]) -> tuple[int, ...]:
        """Take each piece to end where the next one starts, or the file."""
        places = sorted({*starts, len(self._data)})
        ends = (bisect_right(places, start) for start in starts)
        return tuple(
            places[end] - start if end < len(places) else 0
            for start, end in zip(starts, ends, strict=True)
        )

    def _length(self, start: int, length: int, rows: int, row_bytes: int) -> int:
        """Hold a piece against the file; what it must be long without packing is known."""
        left = len(self._data) - start
        if not self._packed:
            length = rows * row_bytes
        missing = length > left and (not self._packed or self.compression not in CHECKED)
        if missing or left <= 0:
            raise TruncatedImage("TIFF ends before its last strip")
        return min(length, left)

    @property
    def bits_in_order(self) -> bool:
        return self.tags.number(_FILL_ORDER, _NORMAL_FILL) == _NORMAL_FILL

    def jpegs(self) -> Iterator[bytes]:
        """Yield each strip of a JPEG-packed picture as a file, with the tables that all share."""
        tables = self.tags.bytes_of(_JPEG_TABLES)
        start = tables[:-2] if tables.endswith(b"\xff\xd9") else b"\xff\xd8"
        for piece in self.pieces:
            yield start + self._data[piece.start + 2 : piece.start + piece.length]

    @property
    def by_pillow(self) -> bool:
        """OpenCV lacks the transparency of grey pictures, and some ways to pack.

        Of others it leaves what cannot be unpacked black and says nothing, where Pillow does.
        """
        see_through = self.samples == 2 and self.depth == 8 and _EXTRA_SAMPLES in self.tags
        return self.compression not in CHECKED or see_through

    @property
    def negative(self) -> bool:
        """Tell whether zero is white, which decoders heed of up to eight bits only."""
        return self.depth > 8 and self.tags.number(_COLOURS, 1) == _MIN_IS_WHITE

    @property
    def masked(self) -> bool:
        """Tell whether what stands beside the colours is a mask, say, and no transparency.

        Photoshop saves selections so; OpenCV takes the first for alpha.
        """
        return self.tags.number(_EXTRA_SAMPLES, _UNASSOCIATED) == _UNSPECIFIED

    def alone(self) -> bytes:
        """Return a file of this page whose directory holds what the picture needs."""
        starts, lengths = (_TILES, _TILE_BYTES) if self.tiled else (_STRIPS, _STRIP_BYTES)
        tables = {
            starts: [piece.start for piece in self.pieces],
            lengths: [piece.length for piece in self.pieces],
        }
        if not self.tiled:
            tables[_ROWS] = [self.grid[1]]
        return self.tags.only(_PICTURE, tables)

    def as_numbers(self, pieces: list[Piece], rows: int, width: int) -> bytes:
        """Return a file that unpacks the same bytes, but as numbers of 16 bits, `width` a row."""
        tables = {
            _WIDTH: [width],
            _HEIGHT: [rows * len(pieces)],
            _DEPTH: [16],
            _COLOURS: [1],
            _SAMPLES: [1],
            _ROWS: [rows],
            _STRIPS: [piece.start for piece in pieces],
            _STRIP_BYTES: [piece.length for piece in pieces],
        }
        return self.tags.only(frozenset((_COMPRESSION, _FILL_ORDER)), tables)


def read_header(data: bytes) -> Header:
    """Read the first page's size; its strips or tiles must lie inside the file."""
    page = Page(data)
    _refuse_camera_raw(data, page.tags)
    if page.compression not in _READ:
        raise UnsupportedFormat(f"TIFF (packed in the way {page.compression})")
    _ = page.pieces
    orientation = page.tags.number(_ORIENTATION, UPRIGHT)
    note = FIRST_FRAME if _has_another_page(data, page.tags) else None
    deep = page.depth > 8 or page.by_pillow
    return Header(
        "tiff",
        page.width,
        page.height,
        orientation if orientation in _ORIENTATIONS else UPRIGHT,
        premultiplied=_is_premultiplied(page),
        note=note,
        deep=deep,
    )


def _refuse_camera_raw(data: bytes, tags: Directory) -> None:
    """Raw files of cameras are TIFFs whose first page is a thumbnail, the picture elsewhere."""
    reduced = tags.number(_SUBFILE, 0) & _REDUCED and _SUBDIRECTORIES in tags
    if reduced or _DNG_VERSION in tags or data[8:10] == b"CR":
        raise UnsupportedFormat("camera raw (dng, nef, arw, cr2)")


def _has_another_page(data: bytes, tags: Directory) -> bool:
    """A page that is called a smaller version, or cannot be read, is none."""
    if not tags.next:
        return False
    try:
        following = Directory(data, tags.next)
    except (TruncatedImage, TooMuchWork):
        return False
    return _WIDTH in following and not following.number(_SUBFILE, 0) & _REDUCED


def _is_premultiplied(page: Page) -> bool:
    """Tell what the decoder does: at 8 bits it multiplies by any alpha that is declared."""
    extra = page.tags.number(_EXTRA_SAMPLES, 0)
    if page.by_pillow:
        return False
    return extra == _ASSOCIATED or (extra == _UNASSOCIATED and page.depth <= 8)

"""TIFF: read as libtiff and Pillow read, whatever the directory lacks; damage is found."""

import contextlib
import io
import itertools
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from scoring.preprocessing.decode import (
    CorruptImage,
    DecodeError,
    DecodeLimits,
    TooManyPixels,
    TruncatedImage,
    UnsupportedFormat,
    checked_header,
    decode_color,
    decode_grey,
    upright,
)
from scoring.preprocessing.formats.header import FIRST_FRAME
from scoring.preprocessing.formats.tiff_directory import Directory
from tests.deadlines import work_of_at_most
from tests.scoring.preprocessing import tiff_files as tf
from tests.scoring.preprocessing.image_files import Array, scene
from tests.scoring.preprocessing.slow_files import tiff_with_tags
from tests.scoring.preprocessing.tiff_files import LONG, SHORT, Tag, grey_tags, tiff_file

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=64_000_000)
GREY = np.ascontiguousarray(scene()[:, :, 0])
BODY = GREY.tobytes()
TAGS = grey_tags(GREY)
STRIPED = grey_tags(GREY, rows=20)
PICTURE = Pillow.fromarray(scene())


def grey_of(data: bytes) -> Array:
    return decode_grey(data, checked_header(data, LIMITS), behind=255)


def color_of(data: bytes) -> Array:
    return decode_color(data, checked_header(data, LIMITS), behind=255)


def saved(picture: Pillow.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "TIFF", **options)
    return stream.getvalue()


def without(tags: dict[int, Tag], *left_out: int) -> dict[int, Tag]:
    return {tag: value for tag, value in tags.items() if tag not in left_out}


ODD = {
    "no lengths": without(TAGS, tf.COUNTS),
    "no lengths of several strips": without(STRIPED, tf.COUNTS),
    "too long": TAGS | {tf.COUNTS: (LONG, [len(BODY) + 5000])},
    "several too long": STRIPED | {tf.COUNTS: (LONG, [len(BODY)] * 5)},
    "too short": TAGS | {tf.COUNTS: (LONG, [1])},
    "several too short": STRIPED | {tf.COUNTS: (LONG, [7] * 5)},
    "lengths of zero": STRIPED | {tf.COUNTS: (LONG, [0] * 5)},
    "a length for the first only": STRIPED | {tf.COUNTS: (LONG, [1280])},
    "more lengths than strips": STRIPED | {tf.COUNTS: (LONG, [1280] * 9)},
    "negative lengths": STRIPED | {tf.COUNTS: (9, [-1] * 5)},
    "no rows a strip": without(TAGS, tf.ROWS),
    "endless rows a strip": TAGS | {tf.ROWS: (LONG, [2**32 - 1])},
    "no rows in a strip": TAGS | {tf.ROWS: (LONG, [0])},
    "no count of samples": without(TAGS, tf.SAMPLES),
    "no word on packing": without(TAGS, tf.COMPRESSION),
    "an orientation of no sense": TAGS | {tf.ORIENTATION: (SHORT, [99])},
    "a negative orientation": TAGS | {tf.ORIENTATION: (8, [-3])},
    "tags nobody knows": TAGS | {60_000 + n: (LONG, [n] * 9) for n in range(900)},
}


@pytest.mark.parametrize("endian", "<>")
@pytest.mark.parametrize("kind", ODD)
def test_an_odd_directory_costs_no_picture(kind: str, endian: str) -> None:
    np.testing.assert_array_equal(grey_of(tiff_file(ODD[kind], BODY, endian)), GREY)


SMALL = GREY[:60, :40]
SMALL_TAGS = grey_tags(SMALL) | {tf.ORIENTATION: (SHORT, [1])}
MOST = {1: 255, 3: 65_535, 4: 2**32 - 1, 6: 127, 8: 32_767, 9: 2**31 - 1}
FITTING = [
    (tag, kind) for tag in SMALL_TAGS for kind in MOST if max(SMALL_TAGS[tag][1]) <= MOST[kind]
]


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("endian", "<>")
@pytest.mark.parametrize(("tag", "kind"), FITTING)
def test_a_tag_is_any_kind_of_whole_number(tag: int, kind: int, endian: str, big: bool) -> None:
    tags = grey_tags(SMALL, big=big) | {tf.ORIENTATION: (SHORT, [1])}
    data = tiff_file(tags | {tag: (kind, tags[tag][1])}, SMALL.tobytes(), endian, big)
    np.testing.assert_array_equal(grey_of(data), SMALL)


@pytest.mark.parametrize("kind", [13, 16, 17, 18])
def test_places_may_be_directories_or_long(kind: int) -> None:
    tags = grey_tags(GREY, rows=20, big=True)
    tags |= {tag: (kind, tags[tag][1]) for tag in (tf.STRIPS, tf.COUNTS)}
    np.testing.assert_array_equal(grey_of(tiff_file(tags, BODY, "<", big=True)), GREY)


def test_of_two_tags_the_first_counts() -> None:
    twice = [(tf.WIDTH, (SHORT, [9])), (tf.STRIPS, (LONG, [10**9])), (tf.COLOURS, (SHORT, [0]))]
    np.testing.assert_array_equal(grey_of(tiff_file(TAGS, BODY, twice=twice)), GREY)


@pytest.mark.parametrize("length", [0, len(BODY) // 2, len(BODY) - 1])
@pytest.mark.parametrize("tags", [TAGS, STRIPED, without(STRIPED, tf.COUNTS)])
def test_missing_rows_are_found_whatever_the_lengths_say(tags: dict[int, Tag], length: int) -> None:
    """The directory stands first, as some programs write it, and the rows end with the file."""
    directory = tiff_file(tags | {tf.STRIPS: (LONG, [0] * len(tags[tf.STRIPS][1]))}, b"")
    places = [len(directory) + at - 8 for at in tags[tf.STRIPS][1]]
    data = tiff_file(tags | {tf.STRIPS: (LONG, places)}, b"") + BODY
    np.testing.assert_array_equal(grey_of(data), GREY)
    with pytest.raises(TruncatedImage, match="last strip"):
        grey_of(data[: len(directory) + length])


@pytest.mark.parametrize(
    "tags",
    [
        without(TAGS, tf.STRIPS),
        STRIPED | {tf.STRIPS: (LONG, [8, 1288])},
        TAGS | {tf.STRIPS: (LONG, [0])},
        TAGS | {tf.STRIPS: (9, [-8])},
        TAGS | {tf.WIDTH: (SHORT, [0])},
        without(TAGS, tf.HEIGHT),
        TAGS | {tf.SAMPLES: (SHORT, [60_000])},
    ],
)
def test_a_directory_without_a_picture_is_refused(tags: dict[int, Tag]) -> None:
    with pytest.raises(CorruptImage):
        grey_of(tiff_file(tags, BODY))


MODES = ("L", "RGB", "RGBA", "1", "P", "CMYK", "YCbCr", "LA")
PACKINGS = ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate", "tiff_deflate", "zstd")
FURTHER: tuple[dict[int, int], ...] = ({}, {278: 7}, {274: 6}, {317: 2})
"""Nothing; strips of seven rows; lying on its side; differences of neighbours."""
WRITTEN = [
    (mode, packing, more)
    for mode, packing, more in itertools.product(MODES, PACKINGS, FURTHER)
    if not (mode == "1" and 317 in more)
]
FAX = [("1", "group4", more) for more in FURTHER[:3]]
JPEGS = [(mode, "jpeg", FURTHER[0]) for mode in ("L", "RGB", "CMYK", "YCbCr", "LA")]


def as_pillow_shows_it(data: bytes) -> Array:
    with Pillow.open(io.BytesIO(data)) as picture:
        layered = picture.convert("RGBA")
    page = Pillow.new("RGBA", layered.size, (255, 255, 255, 255))
    page.alpha_composite(layered)
    return np.asarray(page.convert("RGB"))


@pytest.mark.parametrize(("mode", "packing", "more"), [*WRITTEN, *FAX, *JPEGS])
def test_pixels_are_those_that_pillow_shows(mode: str, packing: str, more: dict[int, int]) -> None:
    picture = PICTURE.convert(mode)
    if mode in ("RGBA", "LA"):
        picture.putalpha(Pillow.fromarray(GREY))
    data = saved(picture, compression=packing, tiffinfo=more)
    # What Pillow and OpenCV round differently: YCbCr, and a colour laid over white.
    np.testing.assert_allclose(color_of(data).astype(int), as_pillow_shows_it(data), atol=2)


def planes_apart(tags: dict[int, Tag]) -> dict[int, Tag]:
    strips = [8 + plane * len(BODY) for plane in range(3)]
    return tags | {
        tf.DEPTH: (SHORT, [8] * 3),
        tf.COLOURS: (SHORT, [2]),
        tf.SAMPLES: (SHORT, [3]),
        tf.PLANAR: (SHORT, [2]),
        tf.STRIPS: (LONG, strips),
        tf.COUNTS: (LONG, [len(BODY)] * 3),
    }


def test_planes_may_stand_apart() -> None:
    colours = scene()
    body = b"".join(colours[:, :, channel].tobytes() for channel in range(3))
    data = tiff_file(planes_apart(TAGS), body)
    np.testing.assert_array_equal(color_of(data), colours)
    np.testing.assert_array_equal(
        color_of(tiff_file(planes_apart(TAGS) | {tf.COUNTS: (LONG, [3])}, body)), colours
    )


def tiles(grey: Array, side: int) -> tuple[dict[int, Tag], bytes]:
    """Return tags and bytes of an unpacked picture in square tiles, filled up at the edges."""
    height, width = grey.shape
    padded = np.pad(grey, ((0, -height % side), (0, -width % side)))
    parts = [
        padded[top : top + side, left : left + side].tobytes()
        for top in range(0, height, side)
        for left in range(0, width, side)
    ]
    tags = without(grey_tags(grey), tf.STRIPS, tf.COUNTS, tf.ROWS) | {
        tf.TILE_WIDTH: (SHORT, [side]),
        tf.TILE_HEIGHT: (SHORT, [side]),
        tf.TILES: (LONG, [8 + n * side * side for n in range(len(parts))]),
        tf.TILE_COUNTS: (LONG, [side * side] * len(parts)),
    }
    return tags, b"".join(parts)


@pytest.mark.parametrize("side", [16, 48, 256])
def test_tiles_are_read_with_and_without_their_lengths(side: int) -> None:
    tags, body = tiles(GREY, side)
    for chosen in (tags, without(tags, tf.TILE_COUNTS), tags | {tf.TILE_COUNTS: (LONG, [1])}):
        np.testing.assert_array_equal(grey_of(tiff_file(chosen, body)), GREY)


def turned(tags: dict[int, Tag], orientation: int) -> dict[int, Tag]:
    return tags | {tf.ORIENTATION: (SHORT, [orientation])}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_of_tiles_is_turned_as_a_whole(orientation: int) -> None:
    tags, body = tiles(GREY, 32)
    shown = grey_of(tiff_file(turned(tags, orientation), body))
    np.testing.assert_array_equal(shown, upright(GREY, orientation))
    np.testing.assert_array_equal(shown, grey_of(tiff_file(turned(STRIPED, orientation), BODY)))


@pytest.mark.parametrize("endian", "<>")
def test_zero_is_white_where_the_file_says_so(endian: str) -> None:
    for depth, levels in ((8, 255 - GREY), (16, (255 - GREY).astype(endian + "u2") * 257)):
        body = levels.tobytes()
        tags = TAGS | {tf.DEPTH: (SHORT, [depth]), tf.COLOURS: (SHORT, [0])}
        tags |= {tf.COUNTS: (LONG, [len(body)])}
        np.testing.assert_array_equal(grey_of(tiff_file(tags, body, endian)), GREY)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("mask", [0, 127, 255])
def test_a_mask_beside_the_colours_is_no_transparency(mask: int, depth: int) -> None:
    """A selection that Photoshop saved, say: what is outside of it is seen all the same."""
    layers = np.dstack([scene(), np.full(GREY.shape, mask, np.uint8)])
    body = (layers if depth == 8 else layers.astype("<u2") * 257).tobytes()
    tags = TAGS | {tf.DEPTH: (SHORT, [depth] * 4), tf.COLOURS: (SHORT, [2])}
    tags |= {tf.SAMPLES: (SHORT, [4]), tf.COUNTS: (LONG, [len(body)]), 338: (SHORT, [0])}
    np.testing.assert_array_equal(color_of(tiff_file(tags, body)), scene())


@pytest.mark.parametrize(
    "more",
    [
        {tf.COMPRESSION: (SHORT, [50001])},  # WebP
        {tf.COMPRESSION: (SHORT, [34712])},  # JPEG 2000
        {tf.COLOURS: (SHORT, [32803])},  # colours of a camera's sensor, each in a pixel of its own
    ],
)
def test_a_form_that_is_not_read_is_not_called_damaged(
    more: dict[int, Tag], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UnsupportedFormat, match="save it as png or jpeg"):
        color_of(tiff_file(TAGS | more, BODY))
    assert capfd.readouterr().err == ""


def test_twelve_bits_become_eight() -> None:
    values = np.arange(0, 4096, 2).astype(np.uint16)
    pairs = values.reshape(-1, 2).astype(np.uint32)
    packed = (pairs[:, 0] << 12 | pairs[:, 1]).astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:]
    tags = grey_tags(np.zeros((1, len(values)), np.uint8)) | {tf.DEPTH: (SHORT, [12])}
    tags |= {tf.COUNTS: (LONG, [packed.size])}
    grey = grey_of(tiff_file(tags, packed.tobytes()))
    np.testing.assert_allclose(grey[0], values / 4095 * 255, atol=1.01)


@pytest.mark.parametrize("packing", ["tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("fill", [b"\0", b"\xff"])
@pytest.mark.parametrize("rows", [1, 5, 96])
@pytest.mark.parametrize("mode", ["L", "RGB", "1", "RGBA"])
def test_an_erased_sector_in_a_packed_strip_is_found(
    packing: str, fill: bytes, rows: int, mode: str
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (396, 161, 3), dtype=np.uint8)
    picture = Pillow.fromarray(noise).convert(mode)
    data = saved(picture, compression=packing, tiffinfo={278: rows})
    grey_of(data)
    middle = len(data) // 3
    with pytest.raises(CorruptImage, match="strip"):
        grey_of(data[:middle] + fill * 512 + data[middle + 512 :])


def test_packed_rows_that_are_missing_are_found() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (96, 64), dtype=np.uint8)
    for packing in ("tiff_lzw", "packbits", "tiff_adobe_deflate"):
        data = saved(Pillow.fromarray(noise), compression=packing, tiffinfo={278: 96})
        page = Directory(data)
        start, length = page.number(tf.STRIPS, 0), page.number(tf.COUNTS, 0)
        code = 5 if packing == "tiff_lzw" else 32773 if packing == "packbits" else 8
        tags = grey_tags(noise) | {tf.COMPRESSION: (SHORT, [code])}
        for kept in (length - 200, length // 2):
            body = data[start : start + kept]
            cut = tiff_file(tags | {tf.COUNTS: (LONG, [kept])}, body)
            with pytest.raises(CorruptImage, match="strip"):
                grey_of(cut)
        whole = tiff_file(without(tags, tf.COUNTS), data[start : start + length])
        np.testing.assert_array_equal(grey_of(whole), noise)


def test_a_strip_may_be_followed_by_bytes_and_filled_up() -> None:
    packed = zlib.compress(BODY + bytes(64 * 10))
    tags = TAGS | {tf.COMPRESSION: (SHORT, [8]), tf.COUNTS: (LONG, [len(packed) + 20])}
    np.testing.assert_array_equal(grey_of(tiff_file(tags, packed + b"left over" * 3)), GREY)


def test_bits_packed_the_other_way_round_are_read() -> None:
    turned = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
    tags = TAGS | {266: (SHORT, [2])}
    np.testing.assert_array_equal(grey_of(tiff_file(tags, BODY.translate(turned))), GREY)


def test_small_unpacked_tiles_that_opencv_refuses_are_read() -> None:
    tags, body = tiles(GREY, 16)
    data = tiff_file(tags, body)
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) is None
    np.testing.assert_array_equal(grey_of(data), GREY)


def test_jpeg_within_a_tiff_is_read() -> None:
    data = saved(PICTURE, compression="jpeg", quality=95)
    assert np.abs(color_of(data).astype(int) - scene()).mean() < 6


@pytest.mark.parametrize("fill", [b"\0", b"\xff"])
def test_an_erased_sector_of_jpeg_within_a_tiff_is_found(fill: bytes) -> None:
    """Here Pillow is silent, too; the strips are held to what any JPEG is."""
    data = saved(Pillow.fromarray(scene(400, 300)), compression="jpeg", quality=95)
    middle = len(data) // 2
    with pytest.raises(DecodeError):
        grey_of(data[:middle] + fill * 512 + data[middle + 512 :])


def test_a_palette_that_is_lost_is_found() -> None:
    indexed = TAGS | {tf.COLOURS: (SHORT, [3])}
    with pytest.raises(CorruptImage, match="palette"):
        grey_of(tiff_file(indexed, BODY))
    ramp = (SHORT, [level * 257 for level in range(256)] * 3)
    np.testing.assert_array_equal(grey_of(tiff_file(indexed | {320: ramp}, BODY)), GREY)


def test_a_directory_of_noise_is_none() -> None:
    """Without lengths of strips everything hangs on it; with them a strange tag does no harm."""
    strange = struct.pack("<HHII", 65_000, 999, 1, 1)

    def with_strange(data: bytes) -> bytes:
        (at,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, at)
        return data[:at] + struct.pack("<H", count + 1) + data[at + 2 : -4] + strange + bytes(4)

    np.testing.assert_array_equal(grey_of(with_strange(tiff_file(TAGS, BODY))), GREY)
    with pytest.raises(CorruptImage, match="types that nobody knows"):
        grey_of(with_strange(tiff_file(without(TAGS, tf.COUNTS), BODY)))


def test_jpeg_within_a_tiff_that_lost_its_tables_is_found() -> None:
    """OpenCV leaves the picture black and says nothing."""
    data = saved(PICTURE, compression="jpeg", quality=95)
    tables = data.index(b"\xff\xdb")
    with pytest.raises(CorruptImage):
        grey_of(data[:tables] + bytes(8) + data[tables + 8 :])


def test_of_several_pages_the_first_counts_and_a_note_says_so() -> None:
    several = saved(PICTURE, save_all=True, append_images=[PICTURE.rotate(180)])
    assert checked_header(several, LIMITS).note == FIRST_FRAME
    np.testing.assert_array_equal(color_of(several), scene())
    assert checked_header(saved(PICTURE), LIMITS).note is None
    once = tiff_file(TAGS, BODY)
    smaller = tiff_file(TAGS | {254: (LONG, [1])}, BODY)
    (directory,) = struct.unpack_from("<I", smaller, 4)
    with_thumbnail = tiff_file(TAGS, BODY, following=len(once)) + smaller[directory:]
    assert checked_header(with_thumbnail, LIMITS).note is None
    for nowhere in (1, 10**9, len(once) - 1):
        assert checked_header(tiff_file(TAGS, BODY, following=nowhere), LIMITS).note is None


@pytest.mark.parametrize("more", [{50706: (1, [1, 4, 0, 0])}, {254: (4, [1]), 330: (4, [8])}])
def test_camera_raw_is_not_scored_by_its_thumbnail(more: dict[int, Tag]) -> None:
    with pytest.raises(UnsupportedFormat, match="camera raw"):
        grey_of(tiff_file(TAGS | more, BODY))


def test_no_second_width_hides_a_large_picture_from_the_limit() -> None:
    wide = TAGS | {tf.WIDTH: (LONG, [60_000]), tf.HEIGHT: (LONG, [60_000])}
    strips = {tf.STRIPS: (LONG, [8]), tf.ROWS: (LONG, [60_000]), tf.COMPRESSION: (SHORT, [5])}
    with pytest.raises(TooManyPixels):
        grey_of(tiff_file(wide | strips, BODY, twice=[(tf.WIDTH, (SHORT, [64]))]))


def test_tags_that_share_a_table_are_not_read() -> None:
    """The decoder would keep a copy of each, 4 GB."""
    np.testing.assert_array_equal(grey_of(tiff_with_tags(1_000, 4_000_000)), GREY)


def test_a_table_that_stands_there_many_times_is_read_once() -> None:
    shared = tiff_file(TAGS | {tf.STRIPS: (LONG, [8] * 1_000_000)}, BODY)
    (directory,) = struct.unpack_from("<I", shared, 4)
    (count,) = struct.unpack_from("<H", shared, directory)
    end = directory + 2 + 12 * count
    (table,) = (
        shared[at : at + 12]
        for at in range(directory + 2, end, 12)
        if shared[at : at + 2] == struct.pack("<H", tf.STRIPS)
    )
    many = struct.pack("<H", count + 4_000) + shared[directory + 2 : end] + table * 4_000
    with work_of_at_most(10):
        np.testing.assert_array_equal(grey_of(shared[:directory] + many + bytes(4)), GREY)


def test_strips_of_one_picture_may_share_their_bytes() -> None:
    tags = grey_tags(GREY, rows=1) | {tf.STRIPS: (LONG, [8] * 96)}
    shown = grey_of(tiff_file(tags, BODY))
    np.testing.assert_array_equal(shown, np.tile(GREY[0], (96, 1)))


def test_a_damaged_tiff_of_any_packing_raises_only_decode_errors() -> None:
    rng = np.random.default_rng(7)
    for packing in ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg"):
        data = saved(PICTURE, compression=packing)
        for _ in range(40):
            broken = bytearray(data)
            for at in rng.integers(0, len(data), 4):
                broken[at] = rng.integers(0, 256)
            with contextlib.suppress(DecodeError):
                assert grey_of(bytes(broken)).dtype == np.uint8

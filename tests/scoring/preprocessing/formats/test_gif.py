"""GIF: the first picture as Pillow shows it, whatever follows."""

import io
import struct

import numpy as np
import pytest
from PIL import Image as Pillow

from scoring.preprocessing.decode import (
    CorruptImage,
    DecodeError,
    DecodeLimits,
    TooManyPixels,
    TooMuchWork,
    TruncatedImage,
    checked_header,
    decode_color,
)
from scoring.preprocessing.formats.header import FIRST_FRAME
from tests.deadlines import work_of_at_most
from tests.scoring.preprocessing.image_files import Array, scene

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=64_000_000)
PALETTE = Pillow.fromarray(scene()).quantize(200)


def saved(picture: Pillow.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "GIF", **options)
    return stream.getvalue()


STILL = saved(PALETTE)
SEE_THROUGH = saved(PALETTE, transparency=5, interlace=1)
ANIMATED = saved(
    PALETTE,
    save_all=True,
    append_images=[PALETTE.rotate(180), PALETTE.rotate(90)],
)
DESCRIPTOR = STILL.index(b",", 13 + 3 * 256)


def color_of(data: bytes) -> Array:
    return decode_color(data, checked_header(data, LIMITS), behind=255)


def as_pillow_shows_it(data: bytes) -> Array:
    with Pillow.open(io.BytesIO(data)) as picture:
        layered = picture.convert("RGBA")
    page = Pillow.new("RGBA", layered.size, (255, 255, 255, 255))
    page.alpha_composite(layered)
    return np.asarray(page.convert("RGB"))


def on_canvas(data: bytes, width: int, height: int, left: int, top: int) -> bytes:
    at = data.index(b",", 13 + 3 * 256)
    places = struct.pack("<HH", left, top)
    return (
        data[:6] + struct.pack("<HH", width, height) + data[10 : at + 1] + places + data[at + 5 :]
    )


FILES = {
    "still": STILL,
    "grey": saved(PALETTE.convert("L")),
    "one bit": saved(PALETTE.convert("1")),
    "interlaced": saved(PALETTE, interlace=1),
    "in order": saved(PALETTE, interlace=0),
    "see-through": SEE_THROUGH,
    "animated": ANIMATED,
    "no trailer": STILL[:-1],
    "left over": STILL + b"left over",
    "on a larger canvas": on_canvas(STILL, 100, 120, 10, 20),
    "see-through on a larger canvas": on_canvas(SEE_THROUGH, 100, 120, 10, 20),
    "over the edge of its canvas": on_canvas(STILL, 64, 96, 10, 10),
    "a canvas without size": on_canvas(STILL, 0, 0, 0, 0),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_first_picture_is_as_pillow_shows_it(kind: str) -> None:
    np.testing.assert_array_equal(color_of(FILES[kind]), as_pillow_shows_it(FILES[kind]))


@pytest.mark.parametrize("kind", FILES)
def test_a_note_says_where_there_are_more(kind: str) -> None:
    expected = FIRST_FRAME if kind == "animated" else None
    if kind != "left over":
        assert checked_header(FILES[kind], LIMITS).note == expected


@pytest.mark.parametrize("kept", [0.001, 0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_cut_in_the_first_picture_is_found(kept: float) -> None:
    with pytest.raises(DecodeError):
        color_of(STILL[: int((len(STILL) - 1) * kept)])
    with pytest.raises(TruncatedImage):
        color_of(STILL[: len(STILL) - 4])


@pytest.mark.parametrize("fill", [b"\0", b"\xff"])
def test_an_erased_sector_is_found(fill: bytes) -> None:
    data = STILL[:1500] + fill * 200 + STILL[1700:]
    with pytest.raises((CorruptImage, TruncatedImage)):
        color_of(data)


def test_a_later_picture_may_be_damaged() -> None:
    damaged = ANIMATED[:-900] + bytes(900)
    np.testing.assert_array_equal(color_of(damaged), color_of(ANIMATED))


def test_the_canvas_is_held_to_the_limit() -> None:
    for data in (on_canvas(STILL, 60_000, 60_000, 0, 0), on_canvas(STILL, 1, 1, 60_000, 60_000)):
        with pytest.raises(TooManyPixels):
            color_of(data)


def test_many_thousand_pictures_cost_nothing() -> None:
    body = ANIMATED[ANIMATED.index(b"!\xf9") : -1]
    many = ANIMATED[: ANIMATED.index(b"!\xf9")] + body * 2_000 + b";"
    with work_of_at_most(10):
        np.testing.assert_array_equal(color_of(many), color_of(ANIMATED))


def test_millions_of_blocks_are_refused_unread() -> None:
    """Before the picture as remarks, or in it."""
    remark = STILL[:DESCRIPTOR] + b"!\xfe" + b"\1x" * 5_000_000 + b"\0" + STILL[DESCRIPTOR:]
    remarks = STILL[:DESCRIPTOR] + b"!\xfe\0" * 5_000_000 + STILL[DESCRIPTOR:]
    data_at = DESCRIPTOR + 11
    picture = STILL[:data_at] + b"\1\0" * 5_000_000 + b"\0;"
    for data in (remark, remarks, picture):
        with work_of_at_most(10), pytest.raises(TooMuchWork, match="blocks"):
            color_of(data)

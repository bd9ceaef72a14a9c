"""AVIF and HEIF: as Pillow shows them, loaded only when needed."""

import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image as Pillow

from scoring.preprocessing.decode import (
    DecodeError,
    DecodeLimits,
    TooManyPixels,
    TooMuchWork,
    TruncatedImage,
    UnsupportedFormat,
    checked_header,
    decode_color,
    decode_grey,
)
from scoring.preprocessing.formats.header import FIRST_FRAME
from tests.deadlines import DEADLINE, work_of_at_most
from tests.scoring.preprocessing.image_files import Array, encoded, scene

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=64_000_000)
ROOT = Path(__file__).parents[3]
KINDS = ("AVIF", "HEIF")
PICTURE = Pillow.fromarray(scene())
pillow_heif.register_heif_opener()


def saved(kind: str, picture: Pillow.Image = PICTURE, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, quality=95, **options)
    return stream.getvalue()


WHOLE = {kind: saved(kind) for kind in KINDS}


def color_of(data: bytes, behind: int = 255) -> Array:
    return decode_color(data, checked_header(data, LIMITS), behind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_pixels_are_those_that_pillow_shows(kind: str, mode: str) -> None:
    picture = PICTURE.convert(mode)
    if mode == "RGBA":
        picture.putalpha(100)
    data = saved(kind, picture)
    with Pillow.open(io.BytesIO(data)) as opened:
        layered = opened.convert("RGBA")
    page = Pillow.new("RGBA", layered.size, (255, 255, 255, 255))
    page.alpha_composite(layered)
    np.testing.assert_allclose(color_of(data).astype(int), np.asarray(page.convert("RGB")), atol=1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_header_tells_size_and_kind(kind: str) -> None:
    header = checked_header(WHOLE[kind], LIMITS)
    assert (header.format, header.width, header.height) == (kind.lower(), 64, 96)
    assert header.note is None
    grey = decode_grey(WHOLE[kind], header, behind=255)
    assert np.abs(grey.astype(int) - cv2.cvtColor(scene(), cv2.COLOR_RGB2GRAY)).mean() < 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_a_picture_that_lies_on_its_side_is_turned(kind: str, orientation: int, turns: int) -> None:
    exif = Pillow.Exif()
    exif[274] = orientation
    data = saved(kind, exif=exif.tobytes())
    turned = np.rot90(scene(), turns)
    assert np.abs(color_of(data).astype(int) - turned).mean() < 4


@pytest.mark.parametrize("kind", KINDS)
def test_of_several_pictures_the_first_counts_and_a_note_says_so(kind: str) -> None:
    others = [Pillow.fromarray(scene(seed=seed)) for seed in (1, 2)]
    data = saved(kind, save_all=True, append_images=others)
    assert checked_header(data, LIMITS).note == FIRST_FRAME
    assert np.abs(color_of(data).astype(int) - scene()).mean() < 6


def test_ten_bits_are_not_taken_for_sixteen() -> None:
    deep = scene().astype(np.uint16) * 4
    data = encoded(deep, ".avif", cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 95)
    assert np.abs(color_of(data).astype(int) - scene()[:, :, ::-1]).mean() < 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_file_cut_short_is_refused(kind: str, kept: float) -> None:
    data = WHOLE[kind]
    with pytest.raises(TruncatedImage):
        color_of(data[: int(len(data) * kept)])
    with pytest.raises(TruncatedImage):
        color_of(data[:-1])


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_is_held_to_the_limit_before_decoding(kind: str) -> None:
    with pytest.raises(TooManyPixels):
        checked_header(WHOLE[kind], DecodeLimits(max_pixels=64 * 96 - 1, max_bytes=10**6))


@pytest.mark.parametrize("kind", KINDS)
def test_damage_raises_only_decode_errors(kind: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        data = bytearray(WHOLE[kind])
        for at in rng.integers(0, len(data), 3):
            data[at] = rng.integers(0, 256)
        try:
            assert color_of(bytes(data)).dtype == np.uint8
        except DecodeError as error:
            assert "\n" not in str(error)  # noqa: PT017  # either outcome is right


@pytest.mark.parametrize("kind", KINDS)
def test_millions_of_boxes_are_refused_unread(kind: str) -> None:
    with work_of_at_most(10), pytest.raises(TooMuchWork, match="boxes"):
        checked_header(WHOLE[kind] + b"\0\0\0\x08free" * 2_000_000, LIMITS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_platform_without_the_decoder_says_how_to_convert(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    color_of(WHOLE[kind])
    monkeypatch.delitem(Pillow.OPEN, kind)
    with pytest.raises(UnsupportedFormat, match=f"{kind}.*not installed here.*save it as png"):
        checked_header(WHOLE[kind], LIMITS)


WITHOUT = """
import sys
from scoring.preprocessing.pixels import DecodeLimits
from scoring.preprocessing.registry import find
for name in sys.argv[1:]:
    data = open(name, "rb").read()
    find("garment", 2)(data, (28, 28, 1), DecodeLimits(10**7, 10**7))
assert not {"PIL", "pillow_heif"} & set(sys.modules)
"""


def test_pillow_is_loaded_only_where_a_batch_holds_such_files(tmp_path: Path) -> None:
    names = []
    for suffix in (".png", ".jpg", ".tiff", ".bmp", ".webp", ".gif"):
        path = tmp_path / f"picture{suffix}"
        path.write_bytes(encoded(scene(), suffix))
        names.append(str(path))
    subprocess.run([sys.executable, "-c", WITHOUT, *names], check=True, cwd=ROOT, timeout=DEADLINE)


LEFT_OVER = (b"\r\n--boundary--\r\n", b"\xff" * 512, b"\0\0SEFHk\0\0\0\1\0\0\0SEFT", b"\0\0\0\5end")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("left_over", LEFT_OVER)
def test_bytes_left_over_behind_the_picture_cost_nothing(kind: str, left_over: bytes) -> None:
    assert np.array_equal(color_of(WHOLE[kind] + left_over), color_of(WHOLE[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_is_one_wherever_it_is(kind: str) -> None:
    whole = WHOLE[kind]
    for end in range(40, len(whole), 37):
        with pytest.raises(DecodeError):
            color_of(whole[:end])

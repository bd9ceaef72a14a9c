import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from scoring.preprocessing.decode import (
    CorruptImage,
    DecodeError,
    DecodeLimits,
    EmptyFile,
    FileTooLarge,
    TooManyPixels,
    TruncatedImage,
    UnknownFormat,
    UnsupportedPixels,
    checked_header,
    decode_color,
    decode_grey,
)
from scoring.settings import CODE_ROOT
from tests.scoring.preprocessing.image_files import (
    Array,
    chunk,
    encoded,
    exif,
    jpeg_with_exif,
    png,
    png_with_exif,
    scene,
    tiff,
    webp_with_exif,
)

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=4_000_000)
LOSSLESS_WEBP = (cv2.IMWRITE_WEBP_QUALITY, 101)
BLACK, WHITE = 0, 255
ROOT = Path(__file__).parents[3]


def grey_of(data: bytes, behind: int = BLACK) -> Array:
    return decode_grey(data, checked_header(data, LIMITS), behind)


def color_of(data: bytes, behind: int = BLACK) -> Array:
    return decode_color(data, checked_header(data, LIMITS), behind)


FILES = {
    "png": encoded(scene(), ".png"),
    "jpeg": encoded(scene(), ".jpg"),
    "progressive jpeg": encoded(scene(), ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "restart jpeg": encoded(scene(), ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    "bmp": encoded(scene(), ".bmp"),
    "grey bmp": encoded(scene()[:, :, 0], ".bmp"),
    "webp": encoded(scene(), ".webp"),
    "lossless webp": encoded(scene(), ".webp", *LOSSLESS_WEBP),
    "tiff": encoded(scene(), ".tiff"),
    "plain tiff": tiff(scene()[:, :, 0]),
    "big-endian tiff": tiff(scene()[:, :, 0], endian=">"),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_format_is_known_by_its_content(kind: str) -> None:
    header = checked_header(FILES[kind], LIMITS)
    assert (header.width, header.height) == (64, 96)
    assert kind.endswith(header.format)
    assert grey_of(FILES[kind]).shape == (96, 64)


@pytest.mark.parametrize("kind", ["png", "bmp", "lossless webp", "tiff"])
def test_lossless_colours_come_back_in_rgb_order(kind: str) -> None:
    np.testing.assert_array_equal(color_of(FILES[kind]), scene()[:, :, ::-1])


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_file_cut_short_is_refused(kind: str, kept: float) -> None:
    data = FILES[kind]
    with pytest.raises((TruncatedImage, UnknownFormat, CorruptImage)):
        grey_of(data[: int(len(data) * kept)])


# The last bytes of a TIFF may say only that no further page follows.
@pytest.mark.parametrize("kind", [kind for kind in FILES if "tiff" not in kind])
def test_a_file_without_its_last_byte_is_refused(kind: str) -> None:
    with pytest.raises(TruncatedImage):
        grey_of(FILES[kind][:-1])


@given(at=st.integers(8, len(FILES["png"]) - 1), value=st.integers(1, 255))
def test_one_changed_byte_in_a_png_is_found(at: int, value: int) -> None:
    data = bytearray(FILES["png"])
    data[at] ^= value
    with pytest.raises(DecodeError):
        grey_of(bytes(data))


def test_a_png_with_too_little_picture_data_is_refused() -> None:
    rows = png(40, 20, 8, 0, bytes(40 * 20))
    taller = struct.pack(">IIBBBBB", 40, 30, 8, 0, 0, 0, 0)
    lying = rows[:8] + chunk(b"IHDR", taller) + rows[8 + 25 :]
    with pytest.raises(CorruptImage):
        grey_of(lying)


@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("compression", [8, 32946])
def test_a_damaged_strip_of_a_deflated_tiff_is_found(compression: int, predictor: int) -> None:
    flags = (cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor)
    data = encoded(scene(), ".tiff", *flags)
    np.testing.assert_array_equal(color_of(data), scene()[:, :, ::-1])
    for at in range(100, len(data) // 2, 997):
        damaged = bytearray(data)
        damaged[at] ^= 0x55
        with pytest.raises(CorruptImage, match="TIFF strip"):
            grey_of(bytes(damaged))


def test_an_image_bomb_is_refused_by_its_header() -> None:
    bomb = png(25_000, 20_000, 1, 0, bytes(20_000))
    with pytest.raises(TooManyPixels, match=r"25000 x 20000 .* limit is 4,000,000"):
        grey_of(bomb)


@pytest.mark.parametrize("kind", ["jpeg", "bmp", "webp", "lossless webp", "plain tiff"])
def test_every_format_is_held_to_the_pixel_limit(kind: str) -> None:
    with pytest.raises(TooManyPixels):
        checked_header(FILES[kind], DecodeLimits(max_pixels=96 * 64 - 1, max_bytes=1_000_000))


def test_an_empty_a_large_and_a_foreign_file_are_told_apart() -> None:
    with pytest.raises(EmptyFile, match=r"\(0 bytes\): copy it again"):
        grey_of(b"")
    with pytest.raises(EmptyFile, match=r"\(5,000 bytes, all of them zero\): copy it again"):
        grey_of(bytes(5_000))
    with pytest.raises(FileTooLarge):
        checked_header(FILES["png"], DecodeLimits(max_pixels=10**6, max_bytes=100))
    for foreign in (b"%PDF-1.7", b"RIFF\x10\0\0\0WAVEfmt ", b"x"):
        with pytest.raises(UnknownFormat):
            grey_of(foreign)


def test_floating_point_pixels_are_refused() -> None:
    done, data = cv2.imencode(".tiff", np.zeros((8, 8), np.float32))
    assert done
    with pytest.raises(UnsupportedPixels, match="float32"):
        grey_of(data.tobytes())


def test_an_error_has_a_code_and_one_line() -> None:
    with pytest.raises(DecodeError) as caught:
        grey_of(b"")
    assert caught.value.code == "empty_file"
    assert "\n" not in str(caught.value)


def test_sixteen_bits_become_eight() -> None:
    eight = scene()[:, :, 0]
    sixteen = encoded(eight.astype(np.uint16) * 257, ".png")
    np.testing.assert_array_equal(grey_of(sixteen), eight)


def test_one_bit_a_palette_and_equal_channels_are_the_grey_they_show() -> None:
    stripes = png(16, 2, 1, 0, bytes((0b11110000, 0b00001111, 0, 0xFF)))
    assert grey_of(stripes)[0].tolist() == [255] * 4 + [0] * 8 + [255] * 4
    palette = chunk(b"PLTE", bytes((7, 7, 7, 200, 200, 200)))
    assert grey_of(png(4, 1, 8, 3, bytes((0, 1, 1, 0)), palette)).tolist() == [[7, 200, 200, 7]]
    grey = scene()[:, :, 0]
    np.testing.assert_array_equal(grey_of(encoded(np.dstack([grey] * 3), ".png")), grey)


def test_transparency_shows_what_is_behind_it() -> None:
    grey_alpha = png(3, 1, 8, 4, bytes((200, 255, 200, 0, 200, 51)))
    assert grey_of(grey_alpha, BLACK).tolist() == [[200, 0, 40]]
    assert grey_of(grey_alpha, WHITE).tolist() == [[200, 255, 244]]
    seen_through = chunk(b"tRNS", b"\0")
    palette = chunk(b"PLTE", bytes((9, 9, 9, 200, 200, 200)))
    assert grey_of(png(2, 1, 8, 3, b"\0\1", palette, seen_through), WHITE).tolist() == [[255, 200]]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_transparency_counts_in_every_format_that_has_it(suffix: str) -> None:
    flags = LOSSLESS_WEBP if suffix == ".webp" else ()
    layered = np.dstack([scene(), np.full((96, 64), 0, np.uint8)])
    layered[:48, :, 3] = 255
    grey = grey_of(encoded(layered, suffix, *flags), WHITE)
    assert grey[48:].min() == 255
    np.testing.assert_array_equal(grey[:48], cv2.cvtColor(scene()[:48], cv2.COLOR_BGR2GRAY))


@pytest.mark.parametrize("declared", [1, 2])
def test_half_transparent_tiffs_are_not_multiplied_twice(declared: int) -> None:
    stored = 40 if declared == 1 else 200  # 1: colours are stored multiplied by alpha
    layered = np.full((4, 4, 4), (stored, stored, stored, 51), np.uint8)
    data = tiff(layered, extra_samples=declared)
    assert np.unique(grey_of(data, WHITE)).tolist() == [244]
    assert np.unique(color_of(data, BLACK)).tolist() == [40]


def test_cmyk_is_read_as_the_colours_it_prints() -> None:
    colours = color_of((ROOT / "tests" / "data" / "images" / "cmyk.jpg").read_bytes())
    seen = [colours[16, column].tolist() for column in (8, 24, 40)]
    np.testing.assert_allclose(seen, [(200, 30, 30), (30, 200, 30), (240, 240, 240)], atol=4)


def turned(grey: Array, orientation: int) -> Array:
    """Turn by the words of the standard: where the stored row 0 and column 0 are seen."""
    rotate = {3: 2, 6: 3, 8: 1}
    if orientation in rotate:
        return np.rot90(grey, rotate[orientation])
    by_mirror = {1: grey, 2: grey[:, ::-1], 4: grey[::-1], 5: grey.T, 7: grey[::-1, ::-1].T}
    return by_mirror[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_honoured_in_every_format(orientation: int) -> None:
    colour = scene()
    grey = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY).astype(np.uint8)
    seen = turned(grey, orientation)
    layered = encoded(np.dstack([colour, np.full((96, 64), 255, np.uint8)]), ".png")
    lossless = encoded(colour, ".webp", *LOSSLESS_WEBP)
    files = (
        png_with_exif(FILES["png"], orientation),
        png_with_exif(layered, orientation),
        webp_with_exif(lossless, orientation, 64, 96),
        tiff(grey, orientation),
        tiff(grey, orientation, ">"),
    )
    for data in files:
        np.testing.assert_array_equal(grey_of(data), seen)
    stored = turned(grey_of(FILES["jpeg"]), orientation)
    for endian in "<>":
        turned_file = jpeg_with_exif(FILES["jpeg"], orientation, endian)
        np.testing.assert_array_equal(grey_of(turned_file), stored)


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("kind", [1, 3, 4, 6, 8, 9])
def test_an_orientation_is_any_whole_number(kind: int, endian: str) -> None:
    body = b"Exif\0\0" + exif(6, endian, kind)
    data = FILES["jpeg"][:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    data += FILES["jpeg"][2:]
    np.testing.assert_array_equal(grey_of(data), turned(grey_of(FILES["jpeg"]), 6))
    with Pillow.open(io.BytesIO(data)) as opened:
        assert opened.getexif().get(274) in (6, b"\6")


@pytest.mark.parametrize("block", [b"", b"II", exif(9), exif(6)[:15], b"MM\0*\xff\xff\xff\xff"])
def test_a_senseless_exif_block_means_upright(block: bytes) -> None:
    body = b"Exif\0\0" + block
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    data = FILES["jpeg"][:2] + segment + FILES["jpeg"][2:]
    np.testing.assert_array_equal(grey_of(data), grey_of(FILES["jpeg"]))


def test_a_damaged_tiff_writes_nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(encoded(scene(), ".tif"))
    data[60::101] = bytes(255 - byte for byte in data[60::101])
    only_decode_errors(bytes(data))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "profile",
    [
        chunk(b"iCCP", b"too short\0\0" + zlib.compress(b"profile")),
        chunk(b"sRGB", b"\x09") + chunk(b"gAMA", bytes(4)),
    ],
)
def test_a_colour_profile_changes_no_pixel_and_writes_nothing(
    profile: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    plain = encoded(scene(), ".png")
    after_header = 8 + 12 + 13
    marked = plain[:after_header] + profile + plain[after_header:]
    np.testing.assert_array_equal(color_of(marked), color_of(plain))
    assert capfd.readouterr().err == ""


def only_decode_errors(data: bytes) -> None:
    try:
        grey = grey_of(data)
    except DecodeError:
        return
    assert grey.dtype == np.uint8
    assert grey.ndim == 2


@settings(deadline=None)
@given(
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"RIFF"]),
    st.binary(max_size=200),
)
def test_random_bytes_raise_nothing_else(start: bytes, rest: bytes) -> None:
    only_decode_errors(start + rest)


@settings(deadline=None)
@given(
    st.sampled_from(sorted(FILES)),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_damaged_files_raise_nothing_else(kind: str, damages: list[tuple[float, int]]) -> None:
    data = bytearray(FILES[kind])
    for where, value in damages:
        data[int(where * len(data))] = value
    only_decode_errors(bytes(data))


MEASURE = """
import re, sys
from pathlib import Path
from scoring.preprocessing.decode import DecodeLimits
from scoring.preprocessing.registry import find
def peak():
    # That of this program alone: getrusage tells of the one that started it, too.
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
photo, asked = find("photo", 1), []
limits = DecodeLimits(10**8, 10**9, lambda *numbers: asked.append(numbers))
small, large = (Path(name).read_bytes() for name in sys.argv[1:])
photo(small, (224, 224, 3), limits)
before = peak()
photo(large, (224, 224, 3), limits)
pixels, each = asked[-1]
print(pixels, each, peak() - before)
"""


def colourful(side: int, deep: bool) -> np.ndarray:
    """Return a scene of four channels, of 8 or of 16 bits."""
    random = np.random.default_rng(0).integers(0, 256, (8, 8, 4), np.uint8)
    scene = cv2.resize(random, (side, side))
    return scene.astype(np.uint16) * 257 if deep else scene


def write_colourful(file: Path, side: int, deep: bool) -> Path:
    scene = colourful(side, deep)
    if file.suffix in (".gif", ".avif"):
        Pillow.fromarray(scene, "RGBA").save(file)
    else:
        options = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1] if file.suffix == ".jpg" else []
        cv2.imwrite(str(file), scene, options)
    return file


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is told by /proc")
@pytest.mark.parametrize(
    ("kind", "deep"),
    [
        *((kind, False) for kind in ("jpg", "png", "webp", "bmp", "tiff", "gif", "avif")),
        *((kind, True) for kind in ("png", "tiff")),
    ],
)
def test_decoding_takes_no_more_memory_than_was_asked_for(
    kind: str, deep: bool, tmp_path: Path
) -> None:
    small = write_colourful(tmp_path / f"small.{kind}", 40, deep)
    large = write_colourful(tmp_path / f"large.{kind}", 2_400, deep)
    command = [sys.executable, "-c", MEASURE, str(small), str(large)]
    done = subprocess.run(command, cwd=CODE_ROOT, capture_output=True, text=True, check=True)
    pixels, each, taken = map(int, done.stdout.split())
    assert pixels == 2_400 * 2_400
    # Beside the picture, what a decoder loads and keeps.
    assert taken < each * pixels + 8_000_000
    # A count that is far too high would turn pictures away for nothing.
    assert taken > each * pixels / 4

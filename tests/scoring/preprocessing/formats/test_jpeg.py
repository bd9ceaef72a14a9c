"""JPEG has no checksum: what must be refused, what must not, and that pixels are OpenCV's."""

import contextlib
import itertools
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from scoring.preprocessing.decode import (
    CorruptImage,
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
from scoring.preprocessing.salvage import salvaged
from tests.deadlines import work_of_at_most
from tests.scoring.preprocessing.image_files import (
    Array,
    encoded,
    jpeg_with_exif,
    scene,
    with_segment,
)
from tests.scoring.preprocessing.slow_files import (
    empty_scans,
    many_scans_of_a_large_picture,
    segment,
)

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=4_000_000)
IMAGES = Path(__file__).parents[3] / "data" / "images"
Damage = Callable[[bytes, int, np.random.Generator], bytes]
END = b"\xff\xd9"
SCAN = b"\xff\xda"
PROGRESSIVE = (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
REDUCED = {
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
SAMPLINGS = {
    "4:1:1": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:4:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
}
BASELINE = encoded(scene(), ".jpg")
WHOLE = {
    "baseline": BASELINE,
    "grey": encoded(scene()[:, :, 0], ".jpg"),
    "progressive": encoded(scene(), ".jpg", *PROGRESSIVE),
    "restarts": encoded(scene(), ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    "progressive restarts": encoded(
        scene(), ".jpg", *PROGRESSIVE, cv2.IMWRITE_JPEG_RST_INTERVAL, 2
    ),
    "own tables": encoded(scene(), ".jpg", cv2.IMWRITE_JPEG_OPTIMIZE, 1),
    "full quality": encoded(scene(), ".jpg", cv2.IMWRITE_JPEG_QUALITY, 100),
    "cmyk": (IMAGES / "cmyk.jpg").read_bytes(),
    "scan per component": (IMAGES / "scan_per_component.jpg").read_bytes(),
}
RARE = {
    "chroma of a third": (IMAGES / "chroma_of_a_third.jpg").read_bytes(),
    "arithmetic": (IMAGES / "arithmetic.jpg").read_bytes(),
}


def grey_of(data: bytes) -> Array:
    return decode_grey(data, checked_header(data, LIMITS), behind=0)


def color_of(data: bytes) -> Array:
    return decode_color(data, checked_header(data, LIMITS), behind=0)


def by_opencv(data: bytes, flags: int) -> Array:
    whole = cv2.imdecode(np.frombuffer(data, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    assert whole is not None
    return np.asarray(whole, np.uint8)


def is_refused(data: bytes) -> bool:
    try:
        grey_of(data)
    except DecodeError:
        return True
    return False


def assert_pixels_are_opencvs(data: bytes) -> None:
    header = checked_header(data, LIMITS)
    np.testing.assert_array_equal(grey_of(data), by_opencv(data, cv2.IMREAD_GRAYSCALE))
    np.testing.assert_array_equal(color_of(data), by_opencv(data, cv2.IMREAD_COLOR_RGB))
    for divisor, flags in REDUCED.items():
        enough = max(header.width, header.height) // divisor
        reduced = decode_grey(data, header, behind=0, enough=enough)
        np.testing.assert_array_equal(reduced, by_opencv(data, flags))
        needed = (-(-header.height // divisor), -(-header.width // divisor))
        reduced = decode_color(data, header, 0, needed)
        np.testing.assert_array_equal(reduced, by_opencv(data, flags | cv2.IMREAD_COLOR_RGB))


@pytest.mark.parametrize("kind", [*WHOLE, *RARE])
def test_every_kind_gives_opencvs_pixels_at_every_scale(kind: str) -> None:
    assert_pixels_are_opencvs((WHOLE | RARE)[kind])


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("size", [(17, 9), (16, 130), (301, 203)])
@pytest.mark.parametrize("progressive", [0, 1])
def test_every_sampling_and_size_gives_opencvs_pixels(
    sampling: str, size: tuple[int, int], progressive: int
) -> None:
    flags = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, SAMPLINGS[sampling])
    for quality in (5, 60, 90, 100):
        kind = (cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
        assert_pixels_are_opencvs(encoded(scene(*size), ".jpg", *flags, *kind))


def adobe(colour_code: int) -> bytes:
    return b"Adobe\0\x64\0\0\0\0" + bytes((colour_code,))


def with_scan_parameters(data: bytes, first: int, last: int, bits: int) -> bytes:
    at = data.index(SCAN) + 2 + 2 + 1 + 2 * 3
    return data[:at] + bytes((first, last, bits)) + data[at + 3 :]


ODD_HEADS = {
    "unknown version of JFIF": BASELINE[:11] + b"\0\0" + BASELINE[13:],
    "no JFIF": BASELINE[:2] + BASELINE[20:],
    "unknown colours of Adobe": BASELINE[:2] + with_segment(BASELINE, 0xEE, adobe(7))[20:],
    "bytes between segments": BASELINE[:20] + b"junk" + BASELINE[20:],
    "fill bytes": BASELINE[:20] + b"\xff\xff\xff" + BASELINE[20:],
    "marker without a length": BASELINE[:20] + b"\xff\x01" + BASELINE[20:],
    "broken profile": with_segment(BASELINE, 0xE2, b"ICC_PROFILE\0\2\3" + bytes(20)),
    "half a profile": with_segment(BASELINE, 0xE2, b"ICC_PROFILE\0\1\2" + bytes(20)),
    "strange remarks": with_segment(BASELINE, 0xE7, bytes(range(256)) * 9),
    "thumbnail": with_segment(BASELINE, 0xE1, b"Exif\0\0" + encoded(scene(32, 24), ".jpg")),
    "scan without its band": with_scan_parameters(BASELINE, 0, 0, 0),
}


@pytest.mark.parametrize("kind", ODD_HEADS)
def test_an_odd_head_costs_no_picture(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    np.testing.assert_array_equal(color_of(ODD_HEADS[kind]), color_of(BASELINE))
    assert capfd.readouterr().err == ""


def test_unknown_colours_of_adobe_in_four_inks_are_read_as_the_known_ones() -> None:
    data = WHOLE["cmyk"]
    at = data.index(b"Adobe") + 11
    known, unknown = (data[:at] + bytes((code,)) + data[at + 1 :] for code in (2, 9))
    np.testing.assert_array_equal(color_of(unknown), color_of(known))


@pytest.mark.parametrize("kind", ODD_HEADS)
def test_an_odd_head_hides_no_cut(kind: str) -> None:
    with pytest.raises(TruncatedImage):
        grey_of(ODD_HEADS[kind][:-300] + END)


@pytest.mark.parametrize("kind", ["baseline", "restarts", "progressive"])
def test_bytes_before_the_end_marker_cost_no_picture(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    data = WHOLE[kind]
    odd = data[:-2] + b"left over" * 20 + END
    np.testing.assert_array_equal(color_of(odd), color_of(data))
    both = odd[:11] + b"\0\0" + odd[13:]
    np.testing.assert_array_equal(color_of(both), color_of(data))
    assert capfd.readouterr().err == ""


def test_bytes_after_the_end_of_a_jpeg_do_no_harm() -> None:
    for more in (bytes(100), b"\xff\xd8\xff", WHOLE["progressive"], BASELINE[:200]):
        np.testing.assert_array_equal(color_of(BASELINE + more), color_of(BASELINE))


@pytest.mark.parametrize("end", [b"", END])
@pytest.mark.parametrize("kind", WHOLE)
def test_no_cut_goes_unseen_wherever_it_is(kind: str, end: bytes) -> None:
    data = WHOLE[kind]
    whole = color_of(data)
    for length in range(data.index(SCAN), len(data) - len(END), 7):
        cut = data[:length] + end
        assert is_refused(cut) or np.array_equal(color_of(cut), whole), length


@pytest.mark.parametrize("kept", [0.4, 0.6, 0.8, 0.95])
def test_a_cut_is_told_from_other_damage(kept: float) -> None:
    for data in WHOLE.values():
        with pytest.raises(TruncatedImage, match="copy it again"):
            grey_of(data[: int(len(data) * kept)] + END)


@pytest.mark.parametrize("kind", ["progressive", "scan per component"])
def test_a_cut_between_two_scans_is_found(kind: str) -> None:
    data = WHOLE[kind]
    second = data.index(SCAN, data.index(SCAN) + 2)
    with pytest.raises(TruncatedImage, match="last scans"):
        grey_of(data[:second] + END)


@pytest.mark.parametrize("kept", [0.4, 0.7, 0.9])
def test_a_cut_jpeg_of_rare_sampling_is_found(kept: float) -> None:
    data = RARE["chroma of a third"]
    for end in (b"", END):
        with pytest.raises(TruncatedImage):
            grey_of(data[: int(len(data) * kept)] + end)


def test_a_jpeg_that_is_mid_grey_at_its_corner_is_no_cut_one() -> None:
    grey = np.full((96, 64, 3), 128, np.uint8)
    assert grey_of(encoded(grey, ".jpg")).min() == 128


def without_200_bytes(data: bytes, at: int, rng: np.random.Generator) -> bytes:
    return data[:at] + data[at + 200 :]


def with_an_empty_sector(data: bytes, at: int, rng: np.random.Generator) -> bytes:
    return data[:at] + bytes(512) + data[at + 512 :]


def with_an_erased_sector(data: bytes, at: int, rng: np.random.Generator) -> bytes:
    return data[:at] + b"\xff" * 512 + data[at + 512 :]


def with_64_random_bytes(data: bytes, at: int, rng: np.random.Generator) -> bytes:
    return data[:at] + rng.bytes(64) + data[at + 64 :]


# Which shares to expect: docs/reliability.md.
@pytest.mark.parametrize(
    ("damage", "least_share"),
    [
        (without_200_bytes, 0.8),
        (with_an_empty_sector, 0.9),
        (with_an_erased_sector, 0.98),
        (with_64_random_bytes, 0.5),
    ],
)
def test_most_damage_in_the_middle_is_found(damage: Damage, least_share: float) -> None:
    rng = np.random.default_rng(0)
    found = []
    for quality, progressive in itertools.product((75, 90, 98), (0, 1)):
        flags = (cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
        for seed in range(5):
            data = encoded(scene(400, 300, seed), ".jpg", *flags)
            places = rng.uniform(0.3, 0.9, 5) * len(data)
            found += [is_refused(damage(data, int(place), rng)) for place in places]
    assert np.mean(found) >= least_share


@pytest.mark.parametrize("damage", [bytes(128), b"\xff\xc4" + bytes(60), b"\xff\xfe\0\2ab"])
def test_a_jpeg_with_a_hole_or_a_foreign_marker_in_its_midst_is_refused(damage: bytes) -> None:
    data = encoded(scene(400, 300), ".jpg")
    middle = len(data) // 2
    with pytest.raises(DecodeError):
        grey_of(data[:middle] + damage + data[middle + len(damage) :])


@pytest.mark.parametrize("size", [64, 128, 512, 4096])
def test_every_hole_of_zeros_in_a_sequential_scan_is_found(size: int) -> None:
    for quality in (75, 95, 98):
        data = encoded(scene(400, 300), ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality)
        for at in range(len(data) // 2, len(data) * 2 // 3, 997):
            assert is_refused(data[:at] + bytes(size) + data[at + size :])


def test_a_blank_jpeg_with_its_own_tables_is_no_hole() -> None:
    blank = encoded(np.full((1600, 1600), 255, np.uint8), ".jpg", cv2.IMWRITE_JPEG_OPTIMIZE, 1)
    assert bytes(64) in blank
    assert grey_of(blank).min() == 255


def test_a_cut_jpeg_is_not_saved_by_the_end_marker_of_its_thumbnail() -> None:
    data = BASELINE
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + 6 + 4) + b"Exif\0\0" + b"\xff\xd8\xff\xd9"
    whole = data[:2] + thumbnail + data[2:]
    assert grey_of(whole).shape == (96, 64)
    with pytest.raises(TruncatedImage):
        grey_of(whole[:-200])


def test_a_message_says_what_libjpeg_says_and_nothing_goes_to_stderr(
    capfd: pytest.CaptureFixture[str],
) -> None:
    data = WHOLE["restarts"]
    first = data.index(b"\xff\xd0")
    with pytest.raises(CorruptImage, match=r"damaged \(JPEG: found marker 0xd1 instead of RST0\)"):
        grey_of(data[:first] + data[data.index(b"\xff\xd1") :])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "data",
    [
        BASELINE[:20] + END + BASELINE[20:],
        BASELINE[: BASELINE.index(SCAN)] + b"junk" + END,
        BASELINE[:4] + b"\xff\xd8" + BASELINE[4:],
        b"\xff\xd8\xff\xda\0\x08\1\1\0\0\x3f\0" + bytes(20) + END,
    ],
)
def test_a_head_that_makes_no_sense_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        grey_of(data)


def test_no_marker_hides_a_large_frame_from_the_limit() -> None:
    frame = BASELINE.index(b"\xff\xc0")
    large = BASELINE[frame : frame + 5] + struct.pack(">HH", 60_000, 60_000)
    large += BASELINE[frame + 9 :]
    for before in (b"", b"\xff\x01", b"\xff\xff", b"junk", b"\xff\xd0"):
        with pytest.raises(TooManyPixels):
            checked_header(BASELINE[:frame] + before + large, LIMITS)


def test_more_scans_than_any_program_writes_are_refused_before_they_cost_anything() -> None:
    few = empty_scans(10, 64, 64)
    assert grey_of(few).min() == grey_of(few).max()
    with pytest.raises(TooMuchWork, match="more than 100 scans"):
        grey_of(empty_scans(200, 64, 64))


def test_scans_count_by_the_pixels_they_pass_over() -> None:
    with pytest.raises(TooMuchWork, match="too many for its size"):
        checked_header(
            many_scans_of_a_large_picture(),
            DecodeLimits(max_pixels=100_000_000, max_bytes=4_000_000),
        )


@pytest.mark.parametrize(
    "filled", [b"\xff", b"\xff\0", b"\xff\xd0", b"\0", b"\xff\xff\xff\x01", b"\xff\xfe\0\2"]
)
@pytest.mark.parametrize("kind", ["baseline", "progressive", "cmyk"])
def test_a_cut_file_filled_with_anything_is_refused_at_once(kind: str, filled: bytes) -> None:
    """A search for the next marker that goes back in the filling would take hours here."""
    data = WHOLE[kind]
    half = data[: (data.index(SCAN) + len(data)) // 2]
    more = filled * (8_000_000 // len(filled))
    limits = DecodeLimits(max_pixels=4_000_000, max_bytes=64_000_000)
    for broken in (half + more, half + more + END, data[:20] + more + data[20:]):
        with work_of_at_most(20), contextlib.suppress(DecodeError):
            decode_grey(broken, checked_header(broken, limits), behind=0)


def test_a_cut_file_filled_with_erased_pages_is_cut_off() -> None:
    with pytest.raises(TruncatedImage):
        grey_of(BASELINE[: len(BASELINE) // 2] + b"\xff" * 100_000)


def test_a_million_empty_comments_are_refused_unread() -> None:
    tracemalloc.start()
    data = BASELINE[:20] + b"\xff\xfe\0\2" * 1_000_000 + BASELINE[20:]
    before = tracemalloc.get_traced_memory()[0]
    with pytest.raises(TooMuchWork, match="segments"):
        checked_header(data, DecodeLimits(max_pixels=4_000_000, max_bytes=64_000_000))
    assert tracemalloc.get_traced_memory()[1] - before < 5_000_000
    tracemalloc.stop()


def test_tables_without_codes_are_not_counted_for_ever() -> None:
    tables = segment(0xC4, bytes(17) * 3_800)
    data = BASELINE[:20] + tables * 400 + BASELINE[20:]
    hole = len(data) - 600
    holed = data[:hole] + bytes(128) + data[hole + 128 :]
    with work_of_at_most(10), pytest.raises(DecodeError):
        decode_grey(holed, checked_header(holed, DecodeLimits(4_000_000, 64_000_000)), behind=0)


def test_many_full_segments_of_a_large_profile_are_read() -> None:
    large = with_segment(BASELINE, 0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000))
    for _ in range(300):
        large = with_segment(large, 0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(1000))
    np.testing.assert_array_equal(color_of(large), color_of(BASELINE))


def test_the_first_of_two_exif_blocks_counts() -> None:
    for first, second in ((6, 1), (1, 6), (3, 8)):
        both = jpeg_with_exif(jpeg_with_exif(BASELINE, second), first)
        one = jpeg_with_exif(BASELINE, first)
        np.testing.assert_array_equal(color_of(both), color_of(one))


def test_a_frame_that_names_every_component_there_is_raises_only_decode_errors() -> None:
    frame = BASELINE.index(b"\xff\xc0")
    behind = frame + 2 + int.from_bytes(BASELINE[frame + 2 : frame + 4])
    components = b"".join(bytes((number, 0x11, 0)) for number in range(256))
    body = BASELINE[frame + 4 : frame + 9] + b"\xff" + components
    with pytest.raises(DecodeError):
        grey_of(BASELINE[:frame] + segment(0xC0, body) + BASELINE[behind:])


def test_a_scan_header_that_is_empty_and_ends_the_file_raises_only_decode_errors() -> None:
    with pytest.raises(DecodeError):
        grey_of(BASELINE[: BASELINE.index(SCAN)] + SCAN + b"\0\2")


def of_rare_kind(frame: int, bits: int = 8) -> bytes:
    """Write a grey picture of 1,600 x 1,200 whose every lossless difference is one bit."""
    width, height = 1600, 1200
    head = segment(frame, struct.pack(">BHHB3B", bits, height, width, 1, 1, 0x11, 0))
    table = segment(0xC4, bytes((0, 1, *[0] * 15, 0)))
    scan = segment(0xDA, bytes((1, 1, 0, 1, 0, 0)))
    return b"\xff\xd8" + head + table + scan + bytes(width * height // 8) + END


@pytest.mark.parametrize(
    ("frame", "bits"), [(0xC3, 8), (0xC3, 16), (0xC1, 12), (0xCB, 8), (0xC5, 8)]
)
def test_a_kind_that_the_decoder_may_not_be_given_is_named(frame: int, bits: int) -> None:
    """Decoded at some eighths of its size, a lossless file is written over memory of others."""
    data = of_rare_kind(frame, bits)
    for file in (data, data[: len(data) // 2]):
        for decode in (decode_grey, decode_color):
            with pytest.raises(UnsupportedFormat, match="lossless, or of more than 8 bits"):
                decode(file, checked_header(file, LIMITS), 255)
        assert salvaged(file, LIMITS) is None

"""What a file is by its first bytes."""

import io

import pytest
from PIL import Image as Pillow

from scoring.preprocessing.decode import DecodeLimits, checked_header
from scoring.preprocessing.errors import UnsupportedFormat
from scoring.preprocessing.formats import HEAD_BYTES, sniff
from scoring.preprocessing.formats.kinds import READ
from tests.scoring.preprocessing.image_files import encoded, scene, tiff

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=4_000_000)


def saved(kind: str) -> bytes:
    """Write a picture with Pillow."""
    stream = io.BytesIO()
    Pillow.fromarray(scene()).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (encoded(scene(), ".png"), "png"),
        (encoded(scene(), ".jpg"), "jpeg"),
        (encoded(scene(), ".bmp"), "bmp"),
        (encoded(scene(), ".webp"), "webp"),
        (encoded(scene(), ".tiff"), "tiff"),
        (tiff(scene()[:, :, 0], endian=">"), "tiff"),
        (encoded(scene(), ".avif"), "avif"),
        (saved("GIF"), "gif"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "avif"),
    ],
)
def test_what_is_read_is_known_by_content(data: bytes, kind: str) -> None:
    assert kind in READ
    assert sniff(data) == sniff(data[:HEAD_BYTES]) == kind


UNREAD = {
    "Photoshop (psd)": b"8BPS\0\1" + bytes(20),
    "JPEG XL": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(20),
    "JPEG 2000": saved("JPEG2000"),
    "Windows icon (ico)": saved("ICO"),
    "Windows metafile (emf)": b"\1\0\0\0" + bytes(36) + b" EMF",
    "Paintbrush (pcx)": saved("PCX"),
    "Netpbm (pbm, pgm, ppm)": saved("PPM"),
    "camera raw (cr2)": b"II*\0\x10\0\0\0CR\2\0" + bytes(20),
    "camera raw (cr3)": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    "camera raw (raf)": b"FUJIFILMCCD-RAW 0201",
    "DirectDraw (dds)": saved("DDS"),
    "SVG": b"<?xml version='1.0'?>\n<!-- drawn -->\n<svg xmlns='http://www.w3.org/2000/svg'/>",
}


@pytest.mark.parametrize("kind", UNREAD)
def test_what_is_not_read_is_named_and_told_how_to_convert(kind: str) -> None:
    assert sniff(UNREAD[kind]) == kind


@pytest.mark.parametrize("kind", [kind for kind in UNREAD if kind != "camera raw (cr2)"])
def test_its_row_names_it(kind: str) -> None:
    with pytest.raises(UnsupportedFormat) as caught:
        checked_header(UNREAD[kind], LIMITS)
    assert kind in str(caught.value)
    assert "save it as png or jpeg" in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"B",
        b"BM and other words that a text may begin with",
        b"GIFT list",
        b"P1 is the first room",
        b"RIFF\x10\0\0\0WAVEfmt ",
        b"%PDF-1.7",
        b"PK\3\4",
        b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
        b"<?xml version='1.0'?><office/>",
        b"<html><body><svg/></body></html>",
        b"\0\0\1\0" + bytes(30),
        bytes(HEAD_BYTES),
    ],
)
def test_what_is_no_image_has_no_kind(data: bytes) -> None:
    assert sniff(data) is None


def test_a_film_and_a_thumbnail_store_are_no_images() -> None:
    assert sniff(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)) is None

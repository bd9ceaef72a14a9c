"""What a file is by its first bytes: the images that are read, and those that only get a name.

A file is a candidate of its batch if it is an image by content, whatever it is called. One that is
no image to us (a Photoshop file, a camera's raw data) still is one to whoever put it there: it gets
a row, and the row says how to convert it.
"""

import re

HEAD_BYTES = 512
"""How much of a file `sniff` looks at; more does no harm."""

READ = ("png", "jpeg", "bmp", "webp", "tiff", "gif", "avif", "heif")
"""The kinds that are decoded; every other one becomes an error row."""

_BY_SIGNATURE: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"8BPS\0\1", "Photoshop (psd)"),
    (b"8BPS\0\2", "Photoshop (psb)"),
    (b"gimp xcf ", "GIMP (xcf)"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"IIRO", "camera raw (orf)"),
    (b"IIRS", "camera raw (orf)"),
    (b"MMOR", "camera raw (orf)"),
    (b"IIU\0", "camera raw (rw2)"),
    (b"FUJIFILMCCD-RAW", "camera raw (raf)"),
    (b"FOVb", "camera raw (x3f)"),
    (b"\0MRM", "camera raw (mrw)"),
    (b"II\x1a\0\0\0HEAPCCDR", "camera raw (crw)"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance (hdr)"),
    (b"#?RGBE", "Radiance (hdr)"),
    (b"DDS \x7c\0\0\0", "DirectDraw (dds)"),
    (b"qoif", "QOI"),
    (b"icns", "Apple icon (icns)"),
    (b"BPG\xfb", "BPG"),
    (b"FLIF", "FLIF"),
    (b"\xd7\xcd\xc6\x9a\0\0", "Windows metafile (wmf)"),
    (b"%!PS-Adobe", "PostScript (eps)"),
    (b"\xc5\xd0\xd3\xc6", "PostScript (eps)"),
    (b"\x8aMNG\r\n\x1a\n", "MNG"),
    (b"AT&TFORM", "DjVu"),
    (b"\x59\xa6\x6a\x95", "Sun raster"),
)
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIF_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
)
_BMP_HEADERS = frozenset((12, 16, 40, 52, 56, 64, 108, 124))
_is_netpbm = re.compile(rb"P[1-7][ \t\r\n]+[#0-9W]|P[Ff]\n[0-9]+ ").match
_is_svg = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}>\s*|<!--.{0,300}?-->\s*|<!DOCTYPE\s+svg\b|<svg[\s>:])",
    re.DOTALL,
).match


def sniff(head: bytes) -> str | None:
    """Tell what kind of image a file is by its first `HEAD_BYTES` bytes; None for no image.

    One of `READ` for what is decoded, else a name to be shown to a person. Costs microseconds.
    """
    for signature, kind in _BY_SIGNATURE:
        if head.startswith(signature):
            return _raw_within_tiff(head) or kind if kind == "tiff" else kind
    return _by_structure(head[:HEAD_BYTES])


def _raw_within_tiff(head: bytes) -> str | None:
    return "camera raw (cr2)" if head[8:10] == b"CR" else None


def _by_structure(head: bytes) -> str | None:
    """Look closer where the first bytes alone might be those of a text or of a film."""
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    if head.startswith((b"\0\0\1\0", b"\0\0\2\0")) and _is_icon(head):
        return "Windows icon (ico)"
    if head.startswith(b"\x01\0\0\0") and head[40:44] == b" EMF":
        return "Windows metafile (emf)"
    if head.startswith(b"\x0a") and head[1:4] in (b"\x05\x01\x08", b"\x05\x01\x01"):
        return "Paintbrush (pcx)"
    if _is_netpbm(head):
        return "Netpbm (pbm, pgm, ppm)"
    return "SVG" if _is_svg(head) and b"<svg" in head else None


def _is_icon(head: bytes) -> bool:
    """An icon's directory: how many pictures, and a zero in the first one's reserved byte."""
    count = int.from_bytes(head[4:6], "little")
    return 0 < count <= 256 and head[9:10] == b"\0" and len(head) >= 22


def _by_brand(head: bytes) -> str | None:
    """Tell pictures from films, which share the container: the brands say it (ISO 14496-12)."""
    end = min(int.from_bytes(head[:4]), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    for brand in brands:
        if brand in _AVIF_BRANDS:
            return "avif"
        if brand == b"crx ":
            return "camera raw (cr3)"
    return "heif" if _HEIF_BRANDS.intersection(brands) else None

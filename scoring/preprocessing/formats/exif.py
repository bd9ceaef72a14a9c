"""The one EXIF tag that changes what a picture shows: orientation (CIPA DC-008, tag 274)."""

import struct

UPRIGHT = 1
_ORIENTATION_TAG = 274
_ENTRY_BYTES = 12
# Cameras write a SHORT; other programs write any kind of whole number, and viewers take it.
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
_MAX_ENTRIES = 4_096  # as libtiff has it; cameras write some dozens


def orientation_of(exif: bytes) -> int:
    """Find the orientation, 1 to 8, in an EXIF block (a TIFF structure, with or without `Exif`).

    A block that is damaged or says nothing means upright, as every viewer has it: a broken
    remark does not make the picture unreadable.
    """
    if exif.startswith(b"Exif\0\0"):
        exif = exif[6:]
    endian = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if endian is None:
        return UPRIGHT
    try:
        return _orientation_in_ifd(exif, endian)
    except struct.error:
        return UPRIGHT


def _orientation_in_ifd(exif: bytes, endian: str) -> int:
    (ifd,) = struct.unpack_from(endian + "I", exif, 4)
    (entries,) = struct.unpack_from(endian + "H", exif, ifd)
    end = ifd + 2 + min(entries, _MAX_ENTRIES) * _ENTRY_BYTES
    for offset in range(ifd + 2, end, _ENTRY_BYTES):
        tag, kind = struct.unpack_from(endian + "HH", exif, offset)
        if tag == _ORIENTATION_TAG:
            value = struct.unpack_from(endian + _CODES.get(kind, "H"), exif, offset + 8)[0]
            return value if kind in _CODES and 1 <= value <= 8 else UPRIGHT
    return UPRIGHT

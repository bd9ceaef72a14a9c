"""How much damage each format tells of: the shares stand in docs/reliability.md."""

import io
from collections.abc import Callable, Iterator
from functools import cache

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image as Pillow

from scoring.preprocessing.decode import DecodeError, DecodeLimits, checked_header, decode_grey
from tests.scoring.preprocessing.image_files import encoded, scene

LIMITS = DecodeLimits(max_pixels=4_000_000, max_bytes=4_000_000)
Damage = Callable[[bytes, int, np.random.Generator], bytes]
PICTURES = 5
PLACES = 10


def saved(kind: str, seed: int, **options: object) -> bytes:
    pillow_heif.register_heif_opener()
    stream = io.BytesIO()
    Pillow.fromarray(scene(400, 300, seed)).save(stream, kind, **options)
    return stream.getvalue()


FORMATS: dict[str, Callable[[int], bytes]] = {
    "png": lambda seed: encoded(scene(400, 300, seed), ".png"),
    "tiff, Deflate": lambda seed: saved("TIFF", seed, compression="tiff_adobe_deflate"),
    "tiff, LZW": lambda seed: saved("TIFF", seed, compression="tiff_lzw"),
    "tiff, PackBits": lambda seed: saved("TIFF", seed, compression="packbits"),
    "tiff, JPEG": lambda seed: saved("TIFF", seed, compression="jpeg", quality=95),
    "gif": lambda seed: saved("GIF", seed),
    "webp": lambda seed: encoded(scene(400, 300, seed), ".webp", cv2.IMWRITE_WEBP_QUALITY, 90),
    "webp, lossless": lambda seed: encoded(
        scene(400, 300, seed), ".webp", cv2.IMWRITE_WEBP_QUALITY, 101
    ),
    "avif": lambda seed: saved("AVIF", seed, quality=90),
    "heif": lambda seed: saved("HEIF", seed, quality=90),
}


def without_200_bytes(data: bytes, at: int, rng: np.random.Generator) -> bytes:
    return data[:at] + data[at + 200 :]


def with_an_empty_sector(data: bytes, at: int, rng: np.random.Generator) -> bytes:
    return data[:at] + bytes(512) + data[at + 512 :]


def with_an_erased_sector(data: bytes, at: int, rng: np.random.Generator) -> bytes:
    return data[:at] + b"\xff" * 512 + data[at + 512 :]


def with_64_random_bytes(data: bytes, at: int, rng: np.random.Generator) -> bytes:
    return data[:at] + rng.bytes(64) + data[at + 64 :]


DAMAGES: tuple[Damage, ...] = (
    without_200_bytes,
    with_an_empty_sector,
    with_an_erased_sector,
    with_64_random_bytes,
)


def is_refused(data: bytes) -> bool:
    try:
        decode_grey(data, checked_header(data, LIMITS), behind=0)
    except DecodeError:
        return True
    return False


@cache
def whole(kind: str, seed: int) -> bytes:
    return FORMATS[kind](seed)


def damaged(kind: str, damage: Damage) -> Iterator[bytes]:
    """Yield 50 files, damaged in their middle."""
    rng = np.random.default_rng(0)
    for seed in range(PICTURES):
        data = whole(kind, seed)
        for place in rng.uniform(0.3, 0.9, PLACES) * len(data):
            yield damage(data, int(place), rng)


def shares(kind: str) -> list[float]:
    return [float(np.mean([is_refused(d) for d in damaged(kind, damage)])) for damage in DAMAGES]


ALL = (1.0, 1.0, 1.0, 1.0)
# By 200 bytes missing, 512 zeros, 512 bytes 0xFF, 64 random bytes.
LEAST = {
    "png": ALL,
    "tiff, Deflate": ALL,
    "tiff, LZW": (1.0, 1.0, 1.0, 0.9),
    "tiff, PackBits": (1.0, 0.0, 0.0, 0.0),
    "tiff, JPEG": (1.0, 0.95, 0.95, 0.2),
    "gif": ALL,
    "webp": (1.0, 0.0, 0.9, 0.5),
    "webp, lossless": (1.0, 0.0, 0.1, 0.1),
    "avif": (1.0, 0.3, 0.3, 0.4),
    "heif": (1.0, 0.0, 0.0, 0.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", LEAST)
def test_damage_in_the_middle_is_found_as_often_as_is_said(kind: str) -> None:
    for share, least in zip(shares(kind), LEAST[kind], strict=True):
        assert share >= least

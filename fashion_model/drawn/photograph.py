"""Render a batch of garments that lie on floors, as a telephone would take them.

``python -m fashion_model.drawn.photograph --out image_batches/P2 --seed 2``; the committed ``P1``
is what it makes unasked: seed 1, 24 pictures.

No photograph is in them: the garments are those of the drawn batches, creased, on a floor, in its
perspective and its light. The true classes beside the folder are those of a model for photographs.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.drawn.cloth import Palette
from fashion_model.drawn.clutter import strew
from fashion_model.drawn.draw import Draw, Drawn, cropped, write_batch
from fashion_model.drawn.floors import FLOORS, Floor, relief, smooth_noise
from fashion_model.drawn.sheet import Floats
from fashion_model.drawn.shoes import ankle_boot, sneaker
from fashion_model.drawn.tops import coat, dress, pullover, shirt, t_shirt
from fashion_model.drawn.trousers import trouser
from fashion_model.flags import whole_number
from scoring.records.telling import telling_never_fails

GARMENTS: tuple[tuple[str, Draw], ...] = (
    ("t-shirt", t_shirt),
    ("pants", trouser),
    ("longsleeve", pullover),
    ("dress", dress),
    ("outwear", coat),
    ("shirt", shirt),
    ("shoes", sneaker),
    ("shoes", ankle_boot),
)
"""The names are those of the labels that such a batch is compared with."""

HEIGHT, WIDTH = 533, 400
_FINER = 2  # rendered so many times larger, for smooth edges
_PLANE = 1600  # pixels of floor to each side; the camera sees a part of it
_SEEN = (1000, 750)  # about that part: height and width
_ANY = Palette(30, 225)


@dataclass(frozen=True)
class Light:
    """Where the light comes from: a direction in the plane, and its colour (B, G, R)."""

    towards: tuple[float, float]
    colour: Floats


def render_batch(seed: int, count: int) -> Iterable[Drawn]:
    """Render ``count`` pictures, garments and floors in turn; the order tells no class."""
    order = np.random.default_rng(seed).permutation(count)
    digits = max(4, len(str(count)))
    for number, place in enumerate(order, start=1):
        label, draw = GARMENTS[int(place) % len(GARMENTS)]
        floor = FLOORS[(int(place) + int(place) // len(GARMENTS)) % len(FLOORS)]
        # A generator of its own: each picture is the same whatever comes before it.
        rng = np.random.default_rng((seed, number))
        picture = render(draw, floor, rng, in_pairs=label == "shoes")
        quality = int(rng.integers(72, 86))
        done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise RuntimeError("OpenCV cannot encode .jpg")
        yield Drawn(f"IMG_{number:0{digits}}.jpg", label, data.tobytes())


def render(draw: Draw, floor: Floor, rng: np.random.Generator, in_pairs: bool) -> NDArray[np.uint8]:
    """Render one picture: uint8 (533, 400, 3), B, G, R."""
    angle = rng.uniform(0, 2 * np.pi)
    warmth = rng.uniform(-0.06, 0.1)
    light = Light(
        (float(np.cos(angle)), float(np.sin(angle))),
        np.array((1 - warmth, 1, 1 + warmth), np.float32) * np.float32(rng.uniform(0.85, 1.1)),
    )
    colour, cover = _creased(*_laid_out(draw, rng, in_pairs), light, rng)
    plane = floor(_PLANE, rng)
    strew(plane, rng)
    colour, cover = _on_plane(colour, cover, rng)
    plane *= _shadow(cover, light)[:, :, None]
    plane += (colour - plane) * cover[:, :, None]
    return _taken(plane * _fall_of_light(light, rng)[:, :, None] * light.colour, rng)


def _laid_out(draw: Draw, rng: np.random.Generator, in_pairs: bool) -> tuple[Floats, Floats]:
    """Draw a garment or a pair of shoes; colour and cover of what there is of it, uncreased."""
    unit = round(_SEEN[1] * (0.62 if in_pairs else rng.uniform(0.85, 1.0)))
    colour, cover = cropped(*draw(unit, _ANY, rng).finished())
    if not in_pairs:
        return colour, cover
    height, width = cover.shape
    down = round(height * (0.85 if height < width / 2 else 1.02))
    aside = round(width * rng.uniform(0.05, 0.2))
    both = np.zeros((height + down, width + aside, 3), np.float32)
    covers = np.zeros(both.shape[:2], np.float32)
    for top, left in ((0, aside), (down, 0)):
        place = (slice(top, top + height), slice(left, left + width))
        both[place] += (colour - both[place]) * cover[:, :, None]
        covers[place] = np.maximum(covers[place], cover)
    return both, covers


def _creased(
    colour: Floats, cover: Floats, light: Light, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Push the outline about a little and lay the cloth in folds that catch the light."""
    margin = 40
    cover = np.pad(cover, margin)
    colour = np.pad(colour, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    height, width = cover.shape
    side = max(height, width)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    across, down = (axis + _pushed(side, rng)[:height, :width] for axis in (x, y))
    colour, cover = (
        cast(Floats, cv2.remap(image, across, down, cv2.INTER_LINEAR)) for image in (colour, cover)
    )
    folds = 16 * smooth_noise(side, 85, 120, rng) + 5 * smooth_noise(side, 28, 36, rng)
    folds += sum(_crease(side, rng) for _ in range(7))
    shade = 1 + np.clip(0.16 * relief(folds, light.towards), -0.4, 0.3)
    shade += 0.025 * smooth_noise(side, 1.5, 1.5, rng)
    return np.clip(colour * shade[:height, :width, None], 0, 255), cover


def _pushed(side: int, rng: np.random.Generator) -> Floats:
    """Return how far cloth lies from where a draughtsman would have it, along one axis."""
    far, near = smooth_noise(side, 190, 190, rng), smooth_noise(side, 45, 45, rng)
    return np.float32(9) * far + np.float32(2) * near


def _crease(side: int, rng: np.random.Generator) -> Floats:
    """Return the heights of one sharp fold: a ridge that bends and runs out at both ends."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    middle, angle = rng.uniform(0.2, 0.8, 2) * side, rng.uniform(0, np.pi)
    along = (x - middle[0]) * np.cos(angle) + (y - middle[1]) * np.sin(angle)
    across = (y - middle[1]) * np.cos(angle) - (x - middle[0]) * np.sin(angle)
    across += rng.normal(0, 6e-4) * along**2
    length, width = rng.uniform(50, 170), rng.uniform(4, 9)
    heights = rng.uniform(6, 13) * np.exp(-((across / width) ** 2) - (along / length) ** 2)
    return np.asarray(heights, np.float32)


def _on_plane(colour: Floats, cover: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Put it near the middle of the plane, turned."""
    height, width = cover.shape
    turn = rng.normal(0, 12)
    size = min(0.92 * _SEEN[0] / height, 0.97 * _SEEN[1] / width)
    about = cv2.getRotationMatrix2D((width / 2, height / 2), turn, size)
    matrix = np.asarray(about, np.float64)
    matrix[:, 2] += _PLANE / 2 - np.array((width, height)) / 2 + rng.uniform(-25, 25, 2)
    size_of_plane = (_PLANE, _PLANE)
    laid, covered = (cv2.warpAffine(image, matrix, size_of_plane) for image in (colour, cover))
    return cast(Floats, laid), cast(Floats, covered)


def _shadow(cover: Floats, light: Light) -> Floats:
    """Return what is left of the light around what lies there: a narrow shadow and a wide one."""
    left = np.ones_like(cover)
    for far, blur, depth in ((4, 3, 0.5), (14, 12, 0.35), (30, 40, 0.2)):
        shift = np.array([[1, 0, light.towards[0] * far], [0, 1, light.towards[1] * far]])
        moved = cv2.warpAffine(cover, shift, cover.shape[::-1])
        left *= 1 - depth * cast(Floats, cv2.GaussianBlur(moved, (0, 0), blur))
    return left


def _fall_of_light(light: Light, rng: np.random.Generator) -> Floats:
    """Return the light over the plane: more towards the window, less where somebody stands."""
    y, x = np.mgrid[0:_PLANE, 0:_PLANE].astype(np.float32) / np.float32(_PLANE) - np.float32(0.5)
    slope = 1 - rng.uniform(0.2, 0.9) * (x * light.towards[0] + y * light.towards[1])
    if rng.random() < 0.5:
        # The edge of a shadow, of who holds the telephone or of a window's frame.
        angle, at = rng.uniform(0, 2 * np.pi), rng.uniform(0.12, 0.3)
        edge = (x * np.cos(angle) + y * np.sin(angle) - at) / rng.uniform(0.01, 0.08)
        slope *= 1 - rng.uniform(0.2, 0.45) / (1 + np.exp(-np.clip(edge, -30, 30)))
    return np.asarray(slope, np.float32)


def _taken(plane: Floats, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Take the picture: perspective, a tilt, the lens, the sensor's noise."""
    tall, wide = (side / 2 for side in _SEEN)
    corners = np.array(((-wide, -tall), (wide, -tall), (wide, tall), (-wide, tall)))
    corners *= rng.uniform(1.0, 1.12)
    # Held at a slant the far side is seen wider than the near one.
    corners[:2, 0] *= rng.uniform(1.0, 1.3)
    corners += rng.uniform(-25, 25, corners.shape)
    turn = np.radians(rng.normal(0, 6))
    rotation = np.array(((np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))))
    seen = (corners @ rotation + _PLANE / 2).astype(np.float32)
    height, width = HEIGHT * _FINER, WIDTH * _FINER
    onto = np.array(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
    matrix = cv2.getPerspectiveTransform(seen, onto)
    view = cv2.warpPerspective(plane, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    view = cv2.GaussianBlur(view, (0, 0), rng.uniform(0.8, 1.6))
    view = cv2.resize(view, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    noise = rng.normal(0, rng.uniform(1.5, 4.5), view.shape)
    return np.asarray(np.clip(np.rint(view + noise), 0, 255), np.uint8)


@telling_never_fails()
def main(arguments: Sequence[str] | None = None) -> None:
    """Render the batch that the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m fashion_model.drawn.photograph", description=__doc__
    )
    parser.add_argument(
        "--seed", type=whole_number(0), default=1, help="the same seed, the same pictures"
    )
    parser.add_argument("--count", type=whole_number(1), default=24, help="how many (%(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="the batch's folder")
    chosen = parser.parse_args(arguments)
    if chosen.out.exists():
        parser.error(f"--out {chosen.out}: is there already")
    try:
        write_batch(chosen.out, render_batch(chosen.seed, chosen.count))
    except OSError as error:
        parser.exit(1, f"error: {error}\n")


if __name__ == "__main__":
    main()

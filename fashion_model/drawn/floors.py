"""What a garment is laid on: planks, tiles, carpet, a bedspread; none of them is plain."""

from collections.abc import Callable
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.drawn.sheet import Floats

Floor = Callable[[int, np.random.Generator], Floats]


def smooth_noise(side: int, across: float, along: float, rng: np.random.Generator) -> Floats:
    """Make (side, side) noise, mean 0 and deviation about 1, with grains of that many pixels."""
    columns, rows = max(2, round(side / across)), max(2, round(side / along))
    grains = rng.standard_normal((rows, columns)).astype(np.float32)
    return cast(Floats, cv2.resize(grains, (side, side), interpolation=cv2.INTER_CUBIC))


def relief(heights: Floats, light: tuple[float, float]) -> Floats:
    """Return how much lighter a surface is where it leans to the light; 0 where it is level."""
    down, right = np.gradient(heights)
    return np.asarray(right * light[0] + down * light[1], np.float32)


def planks(side: int, rng: np.random.Generator) -> Floats:
    """Boards of one wood, each of a tone and a grain of its own, with dark gaps."""
    wide, long = rng.uniform(90, 170), rng.uniform(500, 900)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    row = np.floor(x / np.float32(wide)).astype(np.int64)
    shift = rng.uniform(0, long, row.max() + 1)[row]
    column = np.floor((y + shift) / long).astype(np.int64)
    board = (row * 31 + column * 17) % 101
    tone = rng.normal(1, 0.09, 101).astype(np.float32)[board]
    waves = 26 * smooth_noise(side, 90, 500, rng) + 0.35 * x + 40 * tone
    grain = 0.06 * np.sin(waves) + 0.05 * smooth_noise(side, 3, 140, rng)
    grain += 0.03 * smooth_noise(side, 1.5, 30, rng)
    gap = _near(x, wide, 2.2) + _near(y + shift.astype(np.float32), long, 2.2)
    wood = np.array(_choice(rng, (70, 120, 175), (95, 135, 170), (45, 75, 115), (120, 150, 175)))
    light = tone * (1 + grain) * (1 - 0.55 * gap.clip(0, 1))
    return _painted(wood * rng.uniform(0.85, 1.1), light.astype(np.float32))


def tiles(side: int, rng: np.random.Generator) -> Floats:
    """Square stone tiles with veins, and grout between them."""
    size, width = rng.uniform(200, 380), rng.uniform(6, 12)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    row, column = (np.floor(axis / np.float32(size)).astype(np.int64) for axis in (y, x))
    tone = rng.normal(1, 0.035, 97).astype(np.float32)[(row * 13 + column * 29) % 97]
    cloud = smooth_noise(side, 130, 130, rng) + 0.5 * smooth_noise(side, 45, 45, rng)
    veins = np.exp(-((cloud + 0.2 * smooth_noise(side, 12, 12, rng)) ** 2) / 0.01)
    stone = tone * (1 + 0.05 * cloud - rng.uniform(0.05, 0.2) * veins)
    stone = stone * (1 + 0.02 * smooth_noise(side, 2, 2, rng))
    grout = np.maximum(_near(x, size, width), _near(y, size, width))
    grey = np.array(_choice(rng, (150, 165, 175), (120, 125, 130), (95, 120, 150), (165, 170, 165)))
    joint = np.float32(rng.choice((0.55, 1.2)))
    return _painted(grey, stone * (1 - grout) + joint * grout)


def carpet(side: int, rng: np.random.Generator) -> Floats:
    """A pile of short threads in one colour with flecks of another, trodden here and there."""
    pile = smooth_noise(side, 3, 3, rng) + 0.7 * smooth_noise(side, 6, 5, rng)
    trodden = smooth_noise(side, 160, 160, rng)
    light = 1 + 0.13 * pile + 0.06 * trodden
    base = np.array(_choice(rng, (110, 115, 120), (140, 150, 165), (110, 85, 70), (75, 85, 130)))
    flecks = (smooth_noise(side, 7, 7, rng) > 1.1)[:, :, None] * rng.uniform(-45, 45, 3)
    return np.asarray(np.clip((base + flecks) * light[:, :, None], 0, 255), np.float32)


def bedspread(side: int, rng: np.random.Generator) -> Floats:
    """Woven cloth with wide checks, that lies in soft folds."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    period = rng.uniform(150, 260)
    bands = 0.5 * (np.sin(x * (2 * np.pi / period)) > 0.3) + 0.5 * (
        np.sin(y * (2 * np.pi / period)) > 0.3
    )
    folds = relief(50 * smooth_noise(side, 240, 160, rng) + 4 * smooth_noise(side, 50, 40, rng),
                   (0.2, 0.15))  # fmt: skip
    weave = 0.03 * np.sin(x * 1.6) * np.sin(y * 1.6) + 0.03 * smooth_noise(side, 2, 2, rng)
    base = np.array(_choice(rng, (150, 145, 130), (125, 150, 170), (150, 125, 115)))
    light = (1 - rng.uniform(0.12, 0.35) * bands) * (1 + folds + weave)
    return _painted(base, np.asarray(light, np.float32))


FLOORS: tuple[Floor, ...] = (planks, tiles, carpet, bedspread)


def _near(along: Floats, period: float, width: float) -> Floats:
    """Return 1 in the middle of lines that come every ``period`` pixels, 0 away from them."""
    away = np.abs((along + period / 2) % period - period / 2)
    return np.asarray(np.clip(1.5 - away / (width / 2), 0, 1), np.float32)


def _painted(colour: NDArray[np.float64], light: Floats) -> Floats:
    return np.asarray(np.clip(colour * light[:, :, None], 0, 255), np.float32)


def _choice(rng: np.random.Generator, *colours: tuple[int, int, int]) -> tuple[int, int, int]:
    return colours[int(rng.integers(len(colours)))]

"""Draw shoes from the side, their tips to the left."""

from collections.abc import Sequence

import numpy as np

from fashion_model.drawn.cloth import Palette, cloth
from fashion_model.drawn.sheet import Floats, Point, Sheet, arc, curve

_SEAM = 0.008


def sneaker(unit: int, palette: Palette, rng: np.random.Generator) -> Sheet:
    """Low, with a thick sole of another colour, laces and a mark on the side."""
    tall = rng.uniform(0.38, 0.46)
    sheet = Sheet(1.0, tall + 0.01, unit, rng)
    upper = cloth(sheet, palette.colour(rng), "plain", folds=0.04)
    sole_at = tall - rng.uniform(0.06, 0.085)
    collar, tongue = rng.uniform(0.03, 0.07), rng.uniform(0.0, 0.03)
    top = [(0.02, sole_at - 0.03), (0.1, sole_at - 0.11), (0.3, sole_at - 0.17)]
    top += [(0.52, tongue + 0.03), (0.58, tongue), (0.68, collar + 0.06)]
    top += [(0.82, collar + 0.06), (0.93, collar), (0.97, collar + 0.04), (0.98, sole_at)]
    sheet.fill([*curve(top), (0.98, sole_at + 0.02), (0.02, sole_at + 0.02)], upper)
    _sneaker_details(sheet, sole_at, tongue)
    sole = sheet.paint(palette.colour(rng))
    base = [(0.005, sole_at), (0.02, tall - 0.02), (0.1, tall), (0.93, tall), (0.995, tall - 0.03)]
    sheet.fill([*curve(base), (0.99, sole_at - 0.01), (0.5, sole_at + 0.005)], sole)
    sheet.line([(0.01, sole_at), (0.5, sole_at + 0.01), (0.99, sole_at - 0.01)], 0.5, 0.01)
    return sheet


def ankle_boot(unit: int, palette: Palette, rng: np.random.Generator) -> Sheet:
    """A foot with a shaft over the ankle; flat, block or high heel; laces, zip or elastic."""
    tall = rng.uniform(0.74, 0.95)
    sheet = Sheet(1.0, tall + 0.01, unit, rng)
    leather = cloth(sheet, palette.leather(rng), "plain", folds=0.07)
    heel = rng.choice((0.06, 0.1, 0.18))
    ball = tall - 0.04
    front, back = rng.uniform(0.4, 0.47), rng.uniform(0.93, 0.97)
    instep = [(0.01, ball - 0.03), (0.06, ball - 0.14), (0.25, ball - 0.23)]
    instep += [(front - 0.02, ball - 0.36 - heel / 3), (front, 0.25), (front - 0.02, 0.01)]
    rear = [(back, 0.0), (back - 0.04, 0.3), (back, tall - heel - 0.12), (back - 0.01, tall - heel)]
    arch = [(0.6, ball - heel * 0.7), (0.35, ball), (0.05, ball)]
    sheet.fill([*curve(instep), *curve(rear), *curve(arch)], leather)
    dark = leather * np.float32(0.6)
    sheet.fill([(back - 0.3, tall - heel - 0.04), (back, tall - heel - 0.04), (back - 0.02, tall),
                (back - 0.25, tall)], dark)  # fmt: skip
    sheet.strap([(0.02, ball), (0.35, ball), (0.65, tall - heel - 0.02)], dark, 0.04)
    _boot_details(sheet, front, back, ball)
    return sheet


def sandal(unit: int, palette: Palette, rng: np.random.Generator) -> Sheet:
    """A sole with a few straps and air between them: flat, on a wedge or on a high heel."""
    kind = rng.choice(("flat", "wedge", "heel"), p=(0.5, 0.2, 0.3))
    if kind == "flat":
        return _flat_sandal(unit, palette, rng)
    return _raised_sandal(unit, palette, rng, wedge=bool(kind == "wedge"))


def _flat_sandal(unit: int, palette: Palette, rng: np.random.Generator) -> Sheet:
    tall = rng.uniform(0.3, 0.42)
    sheet = Sheet(1.0, tall + 0.01, unit, rng)
    leather = cloth(sheet, palette.leather(rng), "plain", folds=0.03)
    thick = rng.uniform(0.05, 0.08)
    floor = tall - thick
    width = rng.uniform(0.035, 0.06)
    ankle = rng.uniform(0.03, 0.08)
    sheet.strap(curve([(0.94, floor), (0.9, 0.6 * floor), (0.93, ankle)]), leather, width)
    sheet.strap(curve([(0.93, ankle), (0.72, ankle + 0.03), (0.55, floor)]), leather, width)
    sheet.strap(
        curve([(0.72, ankle + 0.03), (0.5, 0.45 * floor), (0.3, 0.6 * floor)]), leather, width
    )
    toes = curve([(0.14, floor), (0.26, 0.55 * floor), (0.42, floor)])
    sheet.strap(toes, leather, width * 1.6)
    top = curve([(0.02, floor + 0.01), (0.2, floor), (0.5, floor + 0.015), (0.97, floor - 0.005)])
    bottom = curve([(0.98, tall - 0.02), (0.9, tall), (0.1, tall), (0.03, tall - 0.02)])
    sheet.fill([*top, *bottom], leather * np.float32(0.8))
    sheet.line(top, 0.35, _SEAM)
    return sheet


def _raised_sandal(unit: int, palette: Palette, rng: np.random.Generator, wedge: bool) -> Sheet:
    tall = rng.uniform(0.75, 0.95)
    sheet = Sheet(1.0, tall + 0.01, unit, rng)
    strap = cloth(sheet, palette.leather(rng), "plain", folds=0.03)
    lift = rng.uniform(0.25, 0.36)
    heel_top = tall - lift
    foot = curve(
        [(0.03, tall - 0.05), (0.3, tall - 0.05), (0.6, heel_top + 0.12), (0.92, heel_top)]
    )
    sheet.strap(foot, strap, 0.05)
    if wedge:
        sheet.fill([*foot, (0.94, tall), (0.05, tall)], strap * np.float32(0.85))
    else:
        slim = rng.uniform(0.03, 0.1)
        sheet.fill([(0.83, heel_top), (0.94, heel_top), (0.93, tall), (0.93 - slim, tall)], strap)
    width = rng.uniform(0.035, 0.06)
    _bow(sheet, strap, (0.1, tall - 0.06), (0.42, tall - 0.12), 0.16, width)
    sheet.strap(curve([(0.92, heel_top), (0.9, heel_top - 0.15), (0.93, 0.1)]), strap, 0.05)
    sheet.strap(arc((0.76, 0.12), (0.17, 0.06), 0, 360), strap, width)
    if rng.random() < 0.5:
        sheet.strap(curve([(0.62, 0.14), (0.5, 0.4), (0.32, tall - 0.15)]), strap, width)
    return sheet


def _bow(
    sheet: Sheet, paint: Floats, start: Point, end: Point, height: float, width: float
) -> None:
    """Draw a strap that leaves the sole and comes back to it."""
    top = ((start[0] + end[0]) / 2, min(start[1], end[1]) - height)
    sheet.strap(curve([start, top, end]), paint, width)


def _sneaker_details(sheet: Sheet, sole_at: float, tongue: float) -> None:
    rng = sheet.rng
    sheet.line(curve([(0.3, sole_at - 0.15), (0.42, sole_at - 0.07), (0.66, 0.14)]), 0.35, _SEAM)
    sheet.line(curve([(0.18, sole_at - 0.13), (0.24, sole_at - 0.05), (0.2, sole_at)]), 0.3, _SEAM)
    for along in np.linspace(0.1, 0.85, 5):
        x, y = 0.3 + 0.26 * along, (sole_at - 0.16) * (1 - along) + (tongue + 0.03) * along
        sheet.line([(x, y), (x + 0.06, y + 0.06)], -0.6, 0.014)
    mark = rng.choice((-0.6, 0.5))
    for shift in np.arange(rng.integers(1, 4)) * 0.07:
        stripe: Sequence[Point] = [(0.52 + shift, sole_at), (0.6 + shift, 0.18)]
        sheet.line(stripe, mark, 0.03)


def _boot_details(sheet: Sheet, front: float, back: float, ball: float) -> None:
    rng = sheet.rng
    kind = rng.choice(("laces", "elastic", "zip"))
    if kind == "laces":
        for y in np.arange(0.06, ball - 0.35, 0.08):
            sheet.line([(front - 0.01, y), (front + 0.1, y + 0.03)], -0.5, 0.015)
    elif kind == "elastic":
        middle = (front + back) / 2
        gusset = [(middle - 0.1, 0.02), (middle - 0.05, 0.32), (middle + 0.05, 0.32)]
        sheet.line([*gusset, (middle + 0.1, 0.02)], 0.5, 0.015)
    else:
        sheet.line([(back - 0.25, 0.02), (back - 0.22, ball - 0.25)], 0.5, 0.012)
    sheet.line(curve([(0.3, ball - 0.22), (0.36, ball - 0.1), (0.33, ball)]), 0.35, _SEAM)
    sheet.line([(front, 0.03), (back, 0.03)], 0.35, _SEAM)

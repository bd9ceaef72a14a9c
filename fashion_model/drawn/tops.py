"""Draw what is worn on the upper body, and dresses: seen from the front, laid flat."""

from collections.abc import Sequence

import numpy as np

from fashion_model.drawn.cloth import Palette, Pattern, cloth
from fashion_model.drawn.sheet import Floats, Point, Sheet, arc, curve, mirrored

_MIDDLE = 0.5
_SEAM = 0.006


def t_shirt(unit: int, palette: Palette, rng: np.random.Generator) -> Sheet:
    """Short sleeves that stand off, a round or pointed neck, often a print on the chest."""
    sheet = Sheet(1.0, 1.0, unit, rng)
    paint = cloth(sheet, palette.colour(rng), _choose(rng, plain=6, melange=2, stripes=2), 0.03)
    wide, hem = rng.uniform(0.25, 0.29), 0.985
    tip = (rng.uniform(0.39, 0.45), rng.uniform(0.28, 0.36))
    _sleeves(sheet, paint, [(0.2, 0.05), (0.32, 0.1), tip, (tip[0] - 0.13, tip[1] + 0.06)], wide)
    _body(sheet, paint, wide, hem, waist=rng.uniform(-0.02, 0.0))
    _neckline(sheet, paint, rng.uniform(0.1, 0.14), rng.uniform(0.07, 0.13))
    if rng.random() < 0.5:
        _chest_print(sheet)
    _hem(sheet, wide, hem)
    return sheet


def pullover(unit: int, palette: Palette, rng: np.random.Generator) -> Sheet:
    """Long plain sleeves beside the body, a closed front, ribbed neck, cuffs and hem."""
    sheet = Sheet(1.0, 1.0, unit, rng)
    kind = _choose(rng, plain=5, melange=4, stripes=2)
    paint = cloth(sheet, palette.colour(rng), kind, folds=0.03)
    wide, hem = rng.uniform(0.26, 0.29), 0.985
    _sleeves(sheet, paint, _long_sleeve(rng, end=rng.uniform(0.9, 0.97)), wide)
    _body(sheet, paint, wide, hem, waist=0.0)
    _neckline(sheet, paint, rng.uniform(0.1, 0.13), rng.uniform(0.04, 0.08))
    for y in (0.93, 0.955):
        sheet.line([(_MIDDLE - wide, y), (_MIDDLE + wide, y)], 0.2, _SEAM)
    return sheet


def coat(unit: int, palette: Palette, rng: np.random.Generator) -> Sheet:
    """Long sleeves, a front that opens from neck to hem, collar, fastenings and pockets."""
    long = rng.random() < 0.4
    sheet = Sheet(1.0, 1.0, unit, rng, slim=rng.uniform(0.78, 0.86) if long else 1.0)
    paint = cloth(sheet, palette.colour(rng), _choose(rng, plain=6, melange=3), folds=0.07)
    wide, hem = rng.uniform(0.27, 0.3), 0.99
    end = rng.uniform(0.74, 0.82) if long else rng.uniform(0.88, 0.96)
    _sleeves(sheet, paint, _long_sleeve(rng, end), wide)
    _body(sheet, paint, wide, hem, waist=rng.uniform(-0.03, 0.0), neck=0.08)
    if long or rng.random() < 0.3:
        _lapels(sheet, paint, depth=rng.uniform(0.2, 0.3))
    else:
        _high_collar(sheet, paint, hood=bool(rng.random() < 0.5))
    sheet.line([(_MIDDLE, 0.12), (_MIDDLE + 0.005, hem)], 0.65, 0.014)
    if rng.random() < 0.6:
        for y in np.arange(0.36, 0.9, rng.uniform(0.1, 0.15)):
            _button(sheet, (_MIDDLE + 0.035, float(y)), 0.012)
    _pockets(sheet, y=rng.uniform(0.6, 0.68))
    return sheet


def shirt(unit: int, palette: Palette, rng: np.random.Generator) -> Sheet:
    """A small turned-down collar, a placket with buttons, long or short sleeves with cuffs."""
    sheet = Sheet(1.0, 1.0, unit, rng)
    kind = _choose(rng, checks=4, flowers=3, plain=4)
    paint = cloth(sheet, palette.colour(rng), kind)
    wide, hem = rng.uniform(0.24, 0.27), 0.95
    if rng.random() < 0.75:
        _sleeves(sheet, paint, _long_sleeve(rng, end=rng.uniform(0.84, 0.92)), wide)
    else:
        tip = (rng.uniform(0.38, 0.42), rng.uniform(0.3, 0.36))
        inner = (tip[0] - 0.13, tip[1] + 0.06)
        _sleeves(sheet, paint, [(0.2, 0.05), (0.31, 0.1), tip, inner], wide)
    tail = arc((_MIDDLE, hem - 0.01), (wide * 0.9, 0.045), 0, 180)
    sheet.fill(tail, paint)
    _body(sheet, paint, wide, hem, waist=rng.uniform(-0.03, -0.01), neck=0.07)
    _shirt_collar(sheet, paint)
    for side in (-0.025, 0.025):
        sheet.line([(_MIDDLE + side, 0.13), (_MIDDLE + side, 0.98)], 0.25, _SEAM)
    for y in np.arange(0.18, 0.95, 0.115):
        _button(sheet, (_MIDDLE, float(y)), 0.009)
    return sheet


def dress(unit: int, palette: Palette, rng: np.random.Generator) -> Sheet:
    """Narrow and long, cut in at the waist; straps, short sleeves or long ones."""
    sheet = Sheet(0.8, 1.0, unit, rng)
    middle = 0.4
    kind = _choose(rng, plain=6, flowers=2, melange=2)
    paint = cloth(sheet, palette.colour(rng), kind, folds=0.09)
    waist, flare = rng.uniform(0.09, 0.115), rng.uniform(0.13, 0.24)
    sleeves = rng.random()
    if sleeves > 0.6:
        length = 0.24 if sleeves < 0.85 else 0.5
        sleeve = [(0.11, 0.01), (0.17, 0.06), (0.2, length), (0.14, length + 0.01), (0.12, 0.2)]
        for sign in (-1, 1):
            sheet.fill(curve([(middle + sign * x, y) for x, y in sleeve], closed=True), paint)
    half = [(0.075, 0.0), (0.125, 0.02), (0.125, 0.18), (waist, 0.4), (waist + 0.045, 0.58)]
    sheet.fill(mirrored(curve([*half, (flare, 0.99)]), middle), paint)
    sheet.cut(arc((middle, 0.0), (0.075, rng.uniform(0.06, 0.14)), 0, 360))
    sheet.line([(middle - waist, 0.4), (middle + waist, 0.4)], 0.35, _SEAM)
    for side in np.linspace(-0.6, 0.6, 4):
        fold = [(middle + side * waist, 0.42), (middle + side * flare, 0.98)]
        sheet.line(fold, rng.uniform(0.1, 0.3), _SEAM)
    return sheet


def _choose(rng: np.random.Generator, **weights: float) -> Pattern:
    names: list[Pattern] = [*weights]  # type: ignore[list-item]
    chances = np.array(list(weights.values())) / sum(weights.values())
    return names[int(rng.choice(len(names), p=chances))]


def _long_sleeve(rng: np.random.Generator, end: float) -> list[Point]:
    out = rng.uniform(0.37, 0.43)
    return [
        (0.2, 0.05),
        (0.3, 0.1),
        ((0.3 + out) / 2 + 0.02, 0.34),
        (out + 0.01, 0.7),
        (out, end),
        (out - 0.09, end + 0.01),
        (out - 0.11, 0.68),
    ]


def _sleeves(sheet: Sheet, paint: Floats, outer: Sequence[Point], wide: float) -> None:
    """Draw both sleeves, from the shoulder around the cuff to the armpit."""
    half = curve([*outer, (wide - 0.02, 0.36)])
    for sign in (-1, 1):
        outline = [(_MIDDLE + sign * x, y) for x, y in [*half, (0.16, 0.2)]]
        sheet.fill(outline, paint * np.float32(0.94))


def _body(
    sheet: Sheet, paint: Floats, wide: float, hem: float, waist: float, neck: float = 0.1
) -> None:
    shoulder = [(neck, 0.015), (0.235, 0.06), (wide - 0.015, 0.2), (wide - 0.01, 0.36)]
    sides = [(wide + waist, 0.6), (wide, hem)]
    sheet.fill(mirrored(curve([*shoulder, *sides]), _MIDDLE), paint)
    for sign in (-1, 1):
        armhole = [(0.235, 0.06), (wide - 0.035, 0.2), (wide - 0.015, 0.37)]
        seam = curve([(_MIDDLE + sign * x, y) for x, y in armhole])
        sheet.line(seam, 0.25, 0.01)
        sheet.line([seam[-1], (_MIDDLE + sign * (wide + 0.002), hem)], 0.3, 0.008)


def _neckline(sheet: Sheet, paint: Floats, wide: float, deep: float) -> None:
    """Cut the neck; the inside of the back shows as a darker sickle."""
    sheet.fill(arc((_MIDDLE, 0.015), (wide, deep), 0, 180), paint * np.float32(0.7), edge=0)
    sheet.cut(arc((_MIDDLE, 0.0), (wide * 0.93, deep * 0.75), 0, 360))
    sheet.line(arc((_MIDDLE, 0.015), (wide, deep), 0, 180), 0.25, 0.012)


def _hem(sheet: Sheet, wide: float, hem: float) -> None:
    sheet.line([(_MIDDLE - wide, hem - 0.03), (_MIDDLE + wide, hem - 0.03)], 0.2, _SEAM)


def _chest_print(sheet: Sheet) -> None:
    rng = sheet.rng
    darkness = rng.choice((-0.6, 0.5))
    if rng.random() < 0.5:
        for y in np.arange(0.28, 0.28 + 0.06 * rng.integers(1, 4), 0.06):
            reach = rng.uniform(0.08, 0.14)
            sheet.line([(_MIDDLE - reach, y), (_MIDDLE + reach, y)], darkness, 0.035)
    else:
        radius = rng.uniform(0.05, 0.09)
        sheet.line(arc((_MIDDLE, 0.38), (radius, radius), 0, 360), darkness, 0.03)


def _lapels(sheet: Sheet, paint: Floats, depth: float) -> None:
    sheet.fill(arc((_MIDDLE, 0.015), (0.1, 0.06), 0, 180), paint * np.float32(0.6), edge=0)
    for sign in (-1, 1):
        lapel = [(0.1, 0.0), (0.15, 0.06), (0.13, depth * 0.6), (0.0, depth), (0.06, 0.1)]
        outline = [(_MIDDLE + sign * x, y) for x, y in lapel]
        sheet.fill(outline, paint * np.float32(1.05).clip(0, 255), edge=0.4)
        sheet.line([*outline, outline[0]], 0.4, _SEAM)


def _high_collar(sheet: Sheet, paint: Floats, hood: bool) -> None:
    """Draw a collar that stands up, or a hood that lies behind the neck."""
    reach, foot = (0.14, 0.11) if hood else (0.1, 0.075)
    rim = curve([(0.05, 0.002), (reach, 0.02), (reach * 0.95, foot), (0.0, foot + 0.04)])
    sheet.fill(mirrored(rim, _MIDDLE), paint * np.float32(0.92), edge=0.35)
    inside = arc((_MIDDLE, 0.025), (reach * 0.6, 0.022), 0, 360)
    sheet.fill(inside, paint * np.float32(0.5), edge=0)
    for sign in (-1, 1):
        sheet.line([(_MIDDLE + sign * x, y) for x, y in rim], 0.4, 0.01)


def _shirt_collar(sheet: Sheet, paint: Floats) -> None:
    """Draw the stand with the inside of the back, and the two wings turned down over it."""
    stand = [(0.07, 0.0), (0.09, 0.04), (0.06, 0.13), (0.0, 0.13)]
    sheet.fill(mirrored(stand, _MIDDLE), paint)
    sheet.fill(arc((_MIDDLE, 0.03), (0.055, 0.025), 0, 360), paint * np.float32(0.5), edge=0)
    for sign in (-1, 1):
        wing = [(0.07, 0.0), (0.1, 0.05), (0.08, 0.14), (0.0, 0.085), (0.045, 0.045)]
        outline = [(_MIDDLE + sign * x, y) for x, y in wing]
        sheet.fill(outline, paint, edge=0.3)
        sheet.line([*outline, outline[0]], 0.45, _SEAM)


def _button(sheet: Sheet, at: Point, radius: float) -> None:
    sheet.line(arc(at, (radius / 2, radius / 2), 0, 360), 0.6, radius)


def _pockets(sheet: Sheet, y: float) -> None:
    for sign in (-1, 1):
        inner, outer = _MIDDLE + sign * 0.1, _MIDDLE + sign * 0.21
        sheet.line([(inner, y), (outer, y + 0.03)], 0.5, 0.012)

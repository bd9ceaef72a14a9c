"""Draw bags from the front: totes, handbags, satchels and clutches."""

import numpy as np

from fashion_model.drawn.cloth import Palette, Pattern, cloth
from fashion_model.drawn.sheet import Floats, Sheet, arc, curve

_SEAM = 0.008


def bag(unit: int, palette: Palette, rng: np.random.Generator) -> Sheet:
    """A body with rounded corners, one or two handles, and a flap, zip or buckle."""
    handle = rng.choice((0.0, rng.uniform(0.22, 0.32), rng.uniform(0.35, 0.45)), p=(0.2, 0.5, 0.3))
    deep = rng.uniform(0.5, 0.65)
    sheet = Sheet(1.0, deep + handle + 0.02, unit, rng)
    kind: Pattern = "flowers" if rng.random() < 0.15 else "plain"
    leather = cloth(sheet, palette.leather(rng), kind, folds=0.04)
    top, bottom = handle + 0.01, handle + deep
    if handle:
        _handles(sheet, leather, top, handle)
    narrow = rng.uniform(0.0, 0.1)
    corner = 0.04
    side = [(1 - narrow, top), (1 - narrow / 2, top + deep / 2), (0.985, bottom - corner)]
    left = [(1 - x, y) for x, y in reversed([*side, (0.95, bottom)])]
    sheet.fill(curve([*side, (0.95, bottom), *left], closed=False), leather)
    _closing(sheet, leather, top, bottom, narrow)
    return sheet


def _handles(sheet: Sheet, leather: Floats,
             top: float, height: float) -> None:  # fmt: skip
    rng = sheet.rng
    reach, width = rng.uniform(0.18, 0.28), rng.uniform(0.03, 0.05)
    for shift in (0.03, 0.0):
        bow = arc((0.5 + shift, top + 0.04), (reach, height + 0.01 - shift), 180, 360)
        sheet.strap(bow, leather * np.float32(0.85 if shift else 0.95), width)


def _closing(
    sheet: Sheet,
    leather: Floats,
    top: float,
    bottom: float,
    narrow: float,
) -> None:
    rng = sheet.rng
    deep = bottom - top
    kind = rng.choice(("flap", "zip", "panel"))
    if kind == "flap":
        end = top + deep * rng.uniform(0.45, 0.65)
        flap = [
            (narrow, top),
            (1 - narrow, top),
            (0.97, end - 0.06),
            (0.5, end),
            (0.03, end - 0.06),
        ]
        sheet.fill(flap, leather, edge=0.3)
        sheet.line([flap[4], flap[3], flap[2]], 0.6, 0.015)
        sheet.line([(0.46, end - 0.03), (0.54, end - 0.03)], -0.7, 0.05)
    elif kind == "zip":
        sheet.line([(narrow + 0.02, top + 0.06), (0.98 - narrow, top + 0.06)], 0.6, 0.015)
    else:
        for x in (0.28, 0.72):
            sheet.line([(x, top), (x, bottom)], 0.45, 0.015)
    sheet.line([(0.03, bottom - 0.03), (0.97, bottom - 0.03)], 0.3, _SEAM)

"""Draw trousers: two legs from the front."""

import numpy as np

from fashion_model.drawn.cloth import Palette, cloth
from fashion_model.drawn.sheet import Sheet, curve

_MIDDLE = 0.35
_SEAM = 0.006


def trouser(unit: int, palette: Palette, rng: np.random.Generator) -> Sheet:
    """A waistband, a fly, and two legs with a gap; slim, straight or wide; jeans or plain."""
    sheet = Sheet(0.7, 1.0, unit, rng)
    jeans = rng.random() < 0.5
    colour = palette.denim(rng) if jeans else palette.colour(rng)
    paint = cloth(sheet, colour, "denim" if jeans else "plain", folds=0.05)
    waist, hip = rng.uniform(0.13, 0.15), rng.uniform(0.155, 0.185)
    foot, gap = rng.uniform(0.07, 0.12), rng.uniform(0.035, 0.07)
    crotch = rng.uniform(0.27, 0.33)
    for sign in (-1, 1):
        outside = curve([(waist, 0.005), (hip, 0.2), (gap + foot + 0.015, 0.6), (gap + foot, 0.99)])
        inside = curve([(gap, 0.99), (gap * 0.5, 0.6), (-0.002, crotch)])
        half = [*outside, *inside, (-0.002, 0.02)]
        sheet.fill([(_MIDDLE + sign * x, y) for x, y in half], paint)
        pocket = [(0.09, 0.05), (0.11, 0.1), (0.155, 0.13)]
        sheet.line(curve([(_MIDDLE + sign * x, y) for x, y in pocket]), 0.4, _SEAM)
        crease = [(_MIDDLE + sign * (gap + foot / 2), 0.97), (_MIDDLE + sign * 0.09, 0.3)]
        sheet.line(crease, -0.12, 0.02)
    sheet.line([(_MIDDLE - waist, 0.045), (_MIDDLE + waist, 0.045)], 0.4, _SEAM)
    sheet.line([(_MIDDLE, 0.01), (_MIDDLE, crotch)], 0.45, 0.008)
    return sheet

"""How the night's mix of classes differs from the reference's, apart from anything else.

Other garments in autumn than in spring are no fault of anybody's. So the reference is reweighted to
the night's mix before the two are compared: its images of class y count as much more as there are
more of y in the night. How many of y there are is not known, only how many were called what; but
the reference says what images of y are called, and the mix that explains the night's answers best
is found by expectation maximisation (Saerens et al. 2002; Lipton et al. 2018, arXiv 1802.03916).
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Classes = NDArray[np.int64]

# It starts from the reference's own mix and stops early, before it explains chance.
STEPS = 50
# A wrong answer that the reference has none of may still come.
SELDOM = 0.1


class Mix(Struct, frozen=True):
    """How far the shares of what was called what are from the reference's.

    ``distance`` (total variation, 0-1) is the share of the night that would have to be something
    else; ``chance`` the probability that the mix is the reference's; ``most`` the class whose
    share rose most and ``least`` the one whose share fell most, with the differences.
    """

    distance: float
    chance: float
    most: int
    rise: float
    least: int
    fall: float


def class_weights(true: Classes, called: Classes, night: Classes, classes: int) -> Floats:
    """Return how much an image of each true class [K] counts, so that the mix is the night's.

    Args:
        true: the reference's true classes [R].
        called: what the model called them [R].
        night: what it called the night's images [N].
        classes: K.
    """
    counts = np.zeros((classes, classes))
    np.add.at(counts, (called, true), 1.0)
    known = counts.sum(axis=0)
    answers = (counts + SELDOM / classes) / (known + SELDOM)
    own = known / max(known.sum(), 1.0)
    seen = np.bincount(night, minlength=classes) / max(len(night), 1)
    mix = own.copy()
    for _ in range(STEPS):
        explained = answers @ mix
        mix *= answers.T @ np.divide(seen, explained, out=np.zeros(classes), where=explained > 0)
        mix /= max(mix.sum(), np.finfo(float).tiny)
    weights: Floats = np.divide(mix, own, out=np.zeros(classes), where=own > 0)
    return weights


def compare(called: Classes, night: Classes, classes: int, design: float) -> Mix:
    """Return how the mix of the night's answers differs from that of the reference's.

    ``chance`` is an upper bound (McDiarmid's): the distance of two samples from one mix lies by
    no more than t above its mean but with probability exp(-2 t² n), n their harmonic size.
    ``design`` is how many images are as good as one, alike as those of one person are.
    """
    if not len(night) or not len(called):
        return Mix(0.0, 1.0, 0, 0.0, 0, 0.0)
    shares = [np.bincount(of, minlength=classes) / len(of) for of in (called, night)]
    rise = shares[1] - shares[0]
    distance = float(np.abs(rise).sum() / 2)
    size = len(night) * len(called) / (len(night) + len(called)) / design
    usual = float(np.sqrt(shares[0] * (1 - shares[0]) / size).sum() / math.sqrt(2 * math.pi))
    chance = math.exp(-2.0 * size * max(0.0, distance - usual) ** 2)
    most, least = int(rise.argmax()), int(rise.argmin())
    return Mix(distance, chance, most, float(rise[most]), least, float(rise[least]))

"""Evidence that is added up over nights, with a known number of false alarms.

A night's evidence is an e-value: a number that is 1 or less in the mean as long as nothing is
wrong, and large where something is. A p-value makes one, κ·p^(κ-1) (Vovk & Wang 2021, arXiv
1912.06116), and so does a likelihood ratio. Over the nights it is added up by M = (M + 1)·e
(Shin, Ramdas & Rinaldo 2022, "E-detectors", arXiv 2203.03532): bet anew on each night that the
trouble begins with it. As long as nothing is wrong, M is no more than the number of nights in the
mean, so that it takes LIMIT nights or more in the mean until M first reaches LIMIT: with as many
detectors as there are, each with a limit of so many years of nights, all together raise one false
alarm a year at most.

An alarm stands until CLEAN_NIGHTS nights in a row look clean, or another version of the model
serves; then M begins anew at 0.
"""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import replace

# Of weak evidence a larger one makes more, of strong evidence a smaller one.
KAPPA = 0.2
NIGHTS_A_YEAR = 365
# A night looks clean to a detector whose p-value is no smaller.
CLEAN_P = 0.05
CLEAN_NIGHTS = 3
# A worse night says no more; it keeps the numbers in the range of JSON's readers.
SMALLEST_P = 1e-30
# Of wrong ones: nothing is wrong never, or always.
SMALLEST_SHARE = 1e-4


class Process(Struct, frozen=True):
    """What a detector has gathered: ``evidence`` M >= 0, the alarm's first night, clean nights.

    ``since`` is the run that raised the alarm that stands, empty where there is none; ``clean``
    how many nights in a row have looked clean since.
    """

    evidence: float = 0.0
    since: str = ""
    clean: int = 0

    @property
    def alarm(self) -> bool:
        """Return whether the alarm stands."""
        return bool(self.since)


def limit(detectors: int) -> float:
    """Return how large M may become, so that so many detectors together cry wolf once a year."""
    return float(NIGHTS_A_YEAR * detectors)


def evidence_of(p: float) -> float:
    """Return the e-value of a p-value of 0-1."""
    return KAPPA * math.pow(max(p, SMALLEST_P), KAPPA - 1.0)


def evidence_of_audit(wrong: int, judged: int, expected: float) -> float:
    """Return the e-value of so many wrong ones among those a person judged.

    The likelihood ratio of twice the expected share of wrong ones against the expected share; 1 or
    less in the mean as long as no more are wrong than expected. Of nothing judged it is 1.
    """
    expected = min(max(expected, SMALLEST_SHARE), 1.0 - SMALLEST_SHARE)
    twice = min(2.0 * expected, (1.0 + expected) / 2.0)
    ratio = wrong * math.log(twice / expected)
    ratio += (judged - wrong) * math.log((1.0 - twice) / (1.0 - expected))
    return math.exp(min(ratio, -math.log(SMALLEST_P)))


def advance(before: Process, evidence: float, run_id: str, most: float, *, clean: bool) -> Process:
    """Return the process after a night with so much evidence.

    Args:
        before: as it was after the night before.
        evidence: the night's e-value.
        run_id: the night's run.
        most: the limit; what stands above it is of no further use, and is not added up.
        clean: whether the night looks clean; of no matter while no alarm stands.
    """
    if before.alarm:
        nights = before.clean + 1 if clean else 0
        return Process() if nights >= CLEAN_NIGHTS else replace(before, clean=nights)
    gathered = (before.evidence + 1.0) * evidence
    return Process(min(gathered, most), run_id if gathered >= most else "")

"""How often does drift cry wolf in clean years, and how soon is a shift found?

A year's nights are drawn anew from all held-out images, and so is the reference that they are held
against: with one reference for all years, its own errors would count a thousand times or never.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from fashion_model.proof.nights import Outputs, Shift
from scoring.monitoring import drift, e_process
from scoring.monitoring.e_process import CLEAN_P, NIGHTS_A_YEAR, Process, advance, limit
from scoring.monitoring.night import Night
from scoring.monitoring.ranks import scores, shares_beyond
from scoring.protocol.reference import Reference

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Codes = NDArray[np.int64] | NDArray[np.uint16]
SIZES = (100, 300, 1_000)
AUDIT = "audit"
DETECTORS = (*drift.TESTS, AUDIT)
LIMIT = limit(len(DETECTORS))
FIGURES = (*drift.ANSWERS, *drift.PICTURES)

KINDS = {
    "answers": drift.ANSWERS,
    "images": drift.PICTURES,
    "strange": (drift.STRANGE, drift.STRANGEST),
}

YEARS, SEASONAL_YEARS = 1_000, 5
# Images of a night that a person judges.
AUDITED = 60
# A class comes so many times as often in its season as half a year later.
SEASON = 11.0
# Of each shift: how often it is begun anew, and after how many nights it is given up.
TRIES, PATIENCE = 10, 14


@dataclass(frozen=True)
class Pool:
    """All images that nobody trained on, what the model says of them, and its limit of strangers.

    ``size`` images of them make a reference.
    """

    images: Reference
    strange_above: float
    size: int

    def reference(self, random: np.random.Generator) -> Reference:
        """Return a reference drawn anew, with replacement; each image counts as another's."""
        drawn = self.images.take(random.choice(len(self.images), self.size))
        return replace(drawn, group=np.arange(self.size, dtype=np.uint32))


def pool_of(
    reference: Reference, outputs: Outputs, truth: Codes, sure_from: float, strange_above: float
) -> Pool:
    """Return the pool of a bundle's reference and of what it says of further images."""
    seen = outputs.night
    flagged = (seen.confidence < sure_from) | (seen.outlier_score > strange_above)
    further = {"truth": truth, "flagged": flagged, "group": np.arange(len(truth)) + 1_000_000}
    further |= {name: getattr(seen, name) for name in Night.__struct_fields__}
    arrays = {}
    for name in Reference.__struct_fields__:
        own = getattr(reference, name)
        arrays[name] = np.concatenate([own, further[name].astype(own.dtype)])
    return Pool(Reference(**arrays), strange_above, len(reference))


def tables(pool: Pool, shifts: list[Shift], clean: float) -> Iterator[str]:
    """Yield the lines of the proof, as Markdown; ``clean`` is the accuracy without any shift."""
    yield from _clean_years(pool)
    yield ""
    yield from _found(pool, shifts, clean)


# Clean years


def _clean_years(pool: Pool) -> Iterator[str]:
    yield "| years | images a night | years simulated | false alarms a year | of them by |"
    yield "|---|---|---|---|---|"
    for size in SIZES:
        years = (year_in_short(pool, size, _random(year)) for year in range(YEARS))
        yield _counted(f"| clean | {size:,}", [false_alarms(year) for year in years])
    for size in SIZES:
        seasons = (year_of(pool, size, _random(year), SEASON) for year in range(SEASONAL_YEARS))
        found = [false_alarms(year) for year in seasons]
        yield _counted(f"| with seasons | {size:,}", found)


def _counted(start: str, years: list[dict[str, int]]) -> str:
    alarms = {name: sum(year[name] for year in years) for name in years[0]}
    told = ", ".join(f"{name} {count}" for name, count in alarms.items() if count) or "none"
    return f"{start} | {len(years):,} | {sum(alarms.values()) / len(years):.3f} | {told} |"


def false_alarms(evidence: Mapping[str, list[tuple[float, bool]]]) -> dict[str, int]:
    """Return how often each detector raises an alarm, by the nights' evidence and cleanness."""
    counted = {}
    for name, nights in evidence.items():
        process, alarms = Process(), 0
        for value, clean in nights:
            before, process = process, advance(process, value, "night", LIMIT, clean=clean)
            alarms += process.alarm and not before.alarm
        counted[name] = alarms
    return counted


def year_of(
    pool: Pool, size: int, random: np.random.Generator, season: float
) -> dict[str, list[tuple[float, bool]]]:
    """Return a year's evidence as a nightly run has it; classes have seasons by a factor."""
    reference = pool.reference(random)
    truth = pool.images.truth
    phase = np.arange(int(truth.max()) + 1) / (int(truth.max()) + 1)
    found: dict[str, list[tuple[float, bool]]] = {name: [] for name in drift.TESTS}
    for day in range(NIGHTS_A_YEAR):
        swing = np.cos(2.0 * np.pi * (day / NIGHTS_A_YEAR + phase))
        weights = np.sqrt(season) ** swing[truth]
        rows = random.choice(len(truth), size, p=weights / weights.sum())
        seen = drift.look(reference, night_of(pool.images, rows), pool.strange_above)
        for name, test in seen.tests.items():
            found[name].append(_evidence(test.p))
    return found


def year_in_short(
    pool: Pool, size: int, random: np.random.Generator
) -> dict[str, list[tuple[float, bool]]]:
    """Return a clean year's evidence, all nights at once.

    As ``year_of``, but that the reference is not weighted anew to each night's mix, which is the
    same but for chance. People judge images of every night.
    """
    reference = pool.reference(random)
    rows = random.choice(len(pool.images), (NIGHTS_A_YEAR, size))
    called = pool.images.predicted
    classes = int(called.max()) + 1
    counts = np.stack([np.bincount(night, minlength=classes) for night in called[rows]])
    shares, own = counts / size, np.bincount(reference.predicted, minlength=classes)
    errors = np.sqrt((shares**2 / np.maximum(own, 1)).sum(axis=1))
    found = {}
    for name in FIGURES:
        means = [of[rows].mean(axis=1) for of in _scores_of_all(reference, pool.images, name)]
        beyond = np.abs(means).max(axis=0) - drift.MARGIN - drift.REFERENCE_ERRORS * errors
        found[name] = [_evidence(drift.by_chance(one, size)) for one in beyond]
    odd = pool.images.outlier_score[rows] > np.float32(pool.strange_above)
    usual = shares @ _strange_shares(reference, classes, pool.strange_above)
    spread = np.sqrt(np.maximum(usual * (1.0 - usual), 1.0 / len(reference)))
    most = usual + drift.STRANGE_MARGIN + drift.REFERENCE_ERRORS * spread * errors
    found[drift.STRANGE] = [
        _evidence(drift.more_than(*night, size))
        for night in zip(odd.mean(axis=1), most, strict=True)
    ]
    found[drift.STRANGEST] = _strangest_nights(reference, pool.images, rows, errors)
    return found | {AUDIT: _audits(pool, reference, random)}


def _strangest_nights(
    reference: Reference, images: Reference, rows: Rows, errors: Floats
) -> list[tuple[float, bool]]:
    share = drift.STRANGEST_SHARE
    beyond = _beyond_of_all(reference, images, 1.0 - share)
    spread = np.sqrt(share * (1.0 - share))
    most = share + drift.STRANGE_MARGIN + drift.REFERENCE_ERRORS * spread * errors
    found = beyond[rows].mean(axis=1)
    nights = zip(found, most, strict=True)
    return [_evidence(drift.more_than(*night, rows.shape[1])) for night in nights]


def _audits(
    pool: Pool, reference: Reference, random: np.random.Generator
) -> list[tuple[float, bool]]:
    kept = pool.images.take(~pool.images.flagged)
    expected = drift.most_wrong(reference)
    wrong = random.binomial(AUDITED, float((~kept.right).mean()), NIGHTS_A_YEAR)
    return [(e_process.evidence_of_audit(int(one), AUDITED, expected), True) for one in wrong]


def _scores_of_all(reference: Reference, images: Reference, name: str) -> NDArray[np.float32]:
    """Return [2, N], what ``scores`` says of all images given what they were called."""
    found = np.zeros((2, len(images)), np.float32)
    for one in np.unique(reference.predicted):
        values = getattr(reference, name)[reference.predicted == one]
        rows = np.flatnonzero(images.predicted == one)
        found[:, rows] = scores(values, np.ones(len(values)), getattr(images, name)[rows])
    return found


def _beyond_of_all(reference: Reference, images: Reference, place: float) -> Floats:
    """Return [N], how much of each image is stranger than a place given what it was called."""
    found = np.zeros(len(images))
    for one in np.unique(reference.predicted):
        values = reference.outlier_score[reference.predicted == one]
        rows = np.flatnonzero(images.predicted == one)
        found[rows] = shares_beyond(values, np.ones(len(values)), images.outlier_score[rows], place)
    return found


def _strange_shares(reference: Reference, classes: int, above: float) -> Floats:
    odd = reference.outlier_score > np.float32(above)
    counts = np.bincount(reference.predicted, minlength=classes)
    strange = np.bincount(reference.predicted, odd, minlength=classes)
    shares: Floats = strange / np.maximum(counts, 1)
    return shares


def night_of(images: Reference, rows: Rows) -> Night:
    """Return the night of these images, as a ledger has it."""
    drawn = images.take(rows)
    fields = Night.__struct_fields__
    codes = {name: getattr(drawn, name).astype(np.int64) for name in ("predicted", "second")}
    numbers = {
        name: getattr(drawn, name).astype(np.float64) for name in fields if name not in codes
    }
    return Night(**codes, **numbers)


def _evidence(p: float) -> tuple[float, bool]:
    return e_process.evidence_of(p), p >= CLEAN_P


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


# Shifts


def _found(pool: Pool, shifts: list[Shift], clean: float) -> Iterator[str]:
    sizes = " | ".join(f"{size:,} images" for size in SIZES)
    yield f"| shift | strength | costs | {sizes} | first found by | another mix |"
    yield "|---" * (len(SIZES) + 5) + "|"
    late = []
    for one in shifts:
        cost = 100 * (clean - one.outputs.accuracy)
        tries = {size: nights_until_found(pool, one.outputs, size) for size in SIZES}
        told = [_until(found) for found in tries.values()]
        largest = tries[SIZES[-1]]
        late += [
            f"{one.kind} {one.strength}" for nights, _, _ in largest if cost >= 5 and nights > 2
        ]
        first = {name for _, by, _ in largest for name in by}
        mix = float(np.mean([chance < 0.01 for _, _, chance in largest]))
        by = ", ".join(kind for kind, tests in KINDS.items() if first & set(tests)) or "-"
        yield (
            f"| {one.kind} | {one.strength} | {cost:.1f} | {' | '.join(told)} | {by}"
            f" | {100 * mix:.0f} % |"
        )
    yield ""
    which = f": {', '.join(dict.fromkeys(late))}" if late else ""
    yield (
        f"Of shifts that cost 5 points or more, {len(late)} of the tries with nights of"
        f" {SIZES[-1]:,} images were found later than in the second night{which}."
    )


def _until(tries: list[tuple[int, list[str], float]]) -> str:
    nights = [night for night, _, _ in tries]
    middle, last = int(np.median(nights)), max(nights)
    if middle > PATIENCE:
        return "-"
    return f"{middle}" if middle == last else f"{middle} ({last if last <= PATIENCE else '-'})"


def nights_until_found(
    pool: Pool, outputs: Outputs, size: int
) -> list[tuple[int, list[str], float]]:
    """Return of each try how many nights it took, which tests found it, and the mix's chance.

    ``PATIENCE`` + 1 nights where none did.
    """
    return [_try(pool, outputs, size, np.random.default_rng((size, one))) for one in range(TRIES)]


def _try(
    pool: Pool, outputs: Outputs, size: int, random: np.random.Generator
) -> tuple[int, list[str], float]:
    reference = pool.reference(random)
    processes = dict.fromkeys(drift.TESTS, Process())
    chance = 1.0
    for night in range(1, PATIENCE + 1):
        seen = drift.look(reference, outputs.draw(size, random).night, pool.strange_above)
        chance = min(chance, seen.mix.chance)
        for name, test in seen.tests.items():
            value, clean = _evidence(test.p)
            processes[name] = advance(processes[name], value, "night", LIMIT, clean=clean)
        if by := [name for name, process in processes.items() if process.alarm]:
            return night, by, chance
    return PATIENCE + 1, [], chance

"""What was out of the ordinary, in words: the cause before what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from scoring.monitoring.facts import ClassFacts, Measure, ModelFacts, ReportFacts
from scoring.monitoring.trust_views import news
from scoring.monitoring.words import amount, capitalised, count, percent

Say = Callable[[float | None], str]

# Of a batch of so many pictures it is news that most are of one class, whatever was usual.
ENOUGH = 20
MOST_OF_ONE = 0.6
CLASSES_TOLD = 3


class Difference(Struct, frozen=True):
    """One thing that was different.

    ``short`` goes on after "but", in the verdict; "" where the verdict has no place for it.
    ``rank`` is smaller for what explains others. ``long`` has the figures.
    """

    rank: int
    short: str
    long: str


class Wording(Struct, frozen=True):
    """How a measure is told: short where it is low and where it is high ("": it is not told)."""

    rank: int
    low: str
    high: str
    what: str
    said: Say = percent


WORDINGS = {
    "images": Wording(
        3, "far fewer came in than {}", "far more came in than {}", "{} pictures came in",
        lambda value: count(round(value or 0)),
    ),
    "failed": Wording(2, "", "more than {} could not be read", "{}"),
    "brightness": Wording(
        4, "they are darker than {}", "they are brighter than {}",
        "the brightness that the model saw is {} of full",
    ),
    "contrast": Wording(
        5, "they are flatter than {}", "they have more contrast than {}",
        "the contrast that the model saw is {} of full",
    ),
    "foreground": Wording(
        6, "less is on them than {}", "more is on them than {}",
        "what is not background fills {} of the pictures",
    ),
    "strangeness": Wording(
        7, "", "they look stranger to the model than {}",
        "where 100 % is a stranger, they stand at {}",
    ),
    "confidence": Wording(
        9, "the model is less sure than {}", "the model is surer than {}",
        "the mean confidence is {}",
    ),
    "speed": Wording(
        10, "the run was much slower than {}", "", "{} pictures a second were scored", amount
    ),
    # Said where the number of those that want a person is said.
    "flagged": Wording(8, "fewer than {} want a person", "more than {} want a person", "{}"),
}  # fmt: skip
SOME_ARE_STRANGE = {
    **WORDINGS,
    "strangeness": replace(
        WORDINGS["strangeness"], high="some look like nothing that the model knows"
    ),
}
CLASS_RANK = 8
# What else answers than before explains what is different.
VERSION_RANK = 1
TRUST_RANK, RETRAIN_RANK = 11, 12
# Nearly nothing but one class explains all else, unless the model does not know what it saw.
ONE_CLASS_RANK = 3
# More of them are one thing, not three: what the pictures look like.
LOOKS = range(4, 8)


def differences(facts: ReportFacts) -> list[Difference]:
    """Return what was different from usual, what explains other things first."""
    found = [*_of_run(facts)]
    several = len(facts.models) > 1
    for model in facts.models:
        by = f' by "{model.name}"' if several else ""
        found += [_with(one, by) for one in _of_model(model)]
    return sorted(found, key=lambda one: one.rank)


def for_the_sentence(found: list[Difference]) -> list[str]:
    """Return what the verdict names; what follows from how the pictures look is left out."""
    short = [one for one in found if one.short]
    looks = next((one for one in short if one.rank in LOOKS), None)
    if looks is not None:
        kept = (*range(LOOKS.start), TRUST_RANK)
        short = [one for one in short if one.rank in kept or one is looks]
    # Two models may be in the same doubt.
    return list(dict.fromkeys(one.short for one in short))


def usual_range(measure: Measure, said: Say = percent) -> str:
    """Return ``usually 19 to 38 %``; "" where nothing tells what is usual."""
    if measure.low is None or measure.high is None:
        return ""
    low, high = said(measure.low), said(measure.high)
    span = low if low == high else f"{low.removesuffix(' %')} to {high}"
    return f"in the model's test pictures {span}" if measure.by_test else f"usually {span}"


def _of_run(facts: ReportFacts) -> Iterator[Difference]:
    for event in facts.events:
        if event.code == "batches-gone":
            yield Difference(0, "a folder that had pictures has none", _sentence(event.message))
    for batch in facts.batches:
        if batch.advice:
            yield Difference(
                1, f"those of {batch.name} look like pictures for another model",
                _sentence(batch.advice),
            )  # fmt: skip
    for measure in facts.measures:
        yield from _of_measure(measure)


def _of_model(model: ModelFacts) -> Iterator[Difference]:
    if model.instead_of:
        yield _of_version(model)
    for measure in model.measures:
        yield from _of_measure(measure, SOME_ARE_STRANGE if _some_are_strange(model) else WORDINGS)
    yield from _of_classes(model)
    if model.trust and (said := news(model.trust)):
        yield Difference(TRUST_RANK, "how right the answers are cannot be told", said)
    if model.trust and model.trust.retrain:
        yield Difference(RETRAIN_RANK, "retraining is advised", model.trust.thresholds)


def _of_version(model: ModelFacts) -> Difference:
    how = f" ({model.how_switched})" if model.how_switched else ""
    return Difference(
        VERSION_RANK,
        "another version of the model answered",
        f"Another version of {model.name} answered than before: {model.version[:12]} in the place"
        f" of {model.instead_of[:12]}{how}.",
    )


def _some_are_strange(model: ModelFacts) -> bool:
    """Tell whether strangers are mixed in, rather than all of them looking strange."""
    return 0 < 2 * model.strangers <= model.totals.scored


def _of_measure(
    measure: Measure, wordings: Mapping[str, Wording] = WORDINGS
) -> Iterator[Difference]:
    wording = wordings[measure.name]
    short = {-1: wording.low, 1: wording.high}.get(measure.odd, "")
    if not short:
        return
    short = short.format("the model's test pictures" if measure.by_test else "usual")
    figure = wording.what.format(wording.said(measure.value))
    long = _sentence(f"{short}: {figure}, {usual_range(measure, wording.said)}")
    yield Difference(wording.rank, "" if measure.name == "flagged" else short, long)


def _of_classes(model: ModelFacts) -> Iterator[Difference]:
    odd = sorted((one for one in model.classes if one.share.odd), key=_how_far, reverse=True)
    for one in odd[:CLASSES_TOLD]:
        if one.share.odd > 0 and one.share.value > MOST_OF_ONE:
            yield _of_one(one, model)
            continue
        way = "more" if one.share.odd > 0 else "fewer"
        long = f"{one.label}: {percent(one.share.value)} of the pictures, {usual_range(one.share)}"
        short = f"there are {way} of {one.label} than usual" if one is odd[0] else ""
        yield Difference(CLASS_RANK, short, _sentence(long))
    if odd or model.totals.scored < ENOUGH or len(model.classes) < CLASSES_TOLD:
        return
    most = max(model.classes, key=lambda one: one.count)
    if most.share.low is None and most.share.value > MOST_OF_ONE:
        yield _of_one(most, model)


def _of_one(most: ClassFacts, model: ModelFacts) -> Difference:
    """Say that most are of one class, with what was usual where that is known."""
    share = percent(most.share.value)
    every = "all" if most.share.value == 1 else share
    usual = f", {usual_range(most.share)}" if most.share.low is not None else ""
    short = f"{every} of them are {most.label}"
    rank = CLASS_RANK if 2 * model.strangers > model.totals.scored else ONE_CLASS_RANK
    return Difference(rank, short, f"{most.label}: {share} of the pictures{usual}.")


def _how_far(one: ClassFacts) -> float:
    return abs(one.share.value - ((one.share.low or 0.0) + (one.share.high or 0.0)) / 2)


def _with(one: Difference, by: str) -> Difference:
    if not by:
        return one
    return Difference(one.rank, one.short, f"{one.long.removesuffix('.')}{by}.")


def _sentence(text: str) -> str:
    return f"{capitalised(text.removesuffix('.'))}."

"""All that a report shows, as it was known when the run ended.

It is kept as JSON in the ledger: later runs replace predictions, records are pruned and settings
change, and the report of that night stays what it was. Shares and confidences lie between 0 and 1.
Names are cut to what a page shows of them; nothing here grows with the number of images.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from scoring.protocol.errors import ScoringError
from scoring.records.rows import Kind, State

# Bins of the confidence histogram, from 0 to 1.
CONFIDENCE_BINS = 20


class RunFacts(Struct, frozen=True):
    """The run itself; ``nights`` are the due days that came to this end: none by hand.

    ``earlier`` counts the runs that the ledger knew before it.
    """

    id: str
    kind: Kind
    state: State
    reason: str
    nights: tuple[date, ...]
    started_at: datetime
    finished_at: datetime | None
    batches: tuple[str, ...]
    earlier: int = 0


class Totals(Struct, frozen=True):
    """Over the images that the run handled itself; ``waiting`` are left for the next run.

    ``seconds``: wall time of the batches, None where nobody took it. ``flagged`` want a person.
    """

    images: int = 0
    failed: int = 0
    flagged: int = 0
    waiting: int = 0
    mean_confidence: float | None = None
    seconds: float | None = None

    @property
    def scored(self) -> int:
        return self.images - self.failed


class BatchFacts(Struct, frozen=True):
    """One batch of the run; ``advice`` is what whoever set its model should think of."""

    name: str
    model: str
    totals: Totals
    advice: str = ""


class Measure(Struct, frozen=True):
    """One figure of tonight beside those of the nights before.

    ``low`` to ``high`` is what was usual, None where too few nights tell; ``odd``: -1 far below,
    1 far above it, 0 neither. ``by_test``: not nights, but the model's test pictures tell.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    odd: int = 0
    by_test: bool = False

    def as_usual(self) -> Measure:
        """Return the same figure, with nothing odd about it."""
        return replace(self, odd=0)


class ClassFacts(Struct, frozen=True):
    """One class tonight; ``share`` is of the model's scored images.

    ``trend`` is the mean confidence of each run of ``ModelFacts.trend_nights``, the last tonight;
    ``threshold`` is what it should not fall below, where one is set.
    """

    label: str
    count: int
    mean_confidence: float | None
    share: Measure
    trend: tuple[float | None, ...] = ()
    threshold: float | None = None


class Share(Struct, frozen=True):
    """How right a model was, with its interval; shares of 0-1."""

    value: float
    low: float
    high: float


class Span(Struct, frozen=True):
    """Some nights together, the last tonight.

    ``estimated``: of those nights that were valid, ``second`` the other opinion of it; ``judged``:
    by what people said of ``pictures`` drawn at random.
    """

    nights: int
    valid_nights: int
    estimated: Share | None = None
    second: float | None = None
    judged: Share | None = None
    pictures: int = 0


class Alarm(Struct, frozen=True):
    """What has been unlike the model's test pictures, and since which night."""

    what: str
    since: str
    is_new: bool = False


class Trust(Struct, frozen=True):
    """How far a model can be believed.

    ``why_not``: why the estimate of tonight, the first of ``spans``, is not valid; "" where it is.
    ``unlike``: tonight's pictures are not those that the model was tested with.
    ``combined``: mean confidence, corrected by what people judged. ``waiting``: marked pictures of
    the judged nights that nobody has judged. ``thresholds``: what is to be said of them.
    ``trend`` has of each of ``trend_nights`` what was estimated, and what people judged.
    """

    why_not: str
    spans: tuple[Span, ...]
    combined: float | None = None
    waiting: int = 0
    alarms: tuple[Alarm, ...] = ()
    thresholds: str = ""
    retrain: bool = False
    unlike: bool = False
    trend_nights: tuple[str, ...] = ()
    trend: tuple[Share | None, ...] = ()
    trend_judged: tuple[float | None, ...] = ()

    @property
    def tonight(self) -> Span:
        return self.spans[0]


class ModelFacts(Struct, frozen=True):
    """What one model saw tonight.

    ``nights``: how many runs tell what is usual of it. ``histogram``: images by confidence, all of
    them and those that are flagged. ``limit``: below this confidence it asks for a person.
    ``stranger``: what it says of images that are none of its own kind, and ``strangers`` how many.
    ``instead_of``: the version that answered the time before, where it was another one;
    ``how_switched``: by whom that was changed, where it is known.
    """

    name: str
    version: str
    totals: Totals
    instead_of: str = ""
    how_switched: str = ""
    nights: int = 0
    limit: float | None = None
    note: str = ""
    stranger: str = ""
    strangers: int = 0
    measures: tuple[Measure, ...] = ()
    classes: tuple[ClassFacts, ...] = ()
    more_classes: int = 0
    histogram: tuple[int, ...] = ()
    flagged_histogram: tuple[int, ...] = ()
    trend_nights: tuple[str, ...] = ()
    trust: Trust | None = None


class LookAt(Struct, frozen=True):
    """One image that wants a person; ``content_hash`` finds its picture."""

    batch: str
    path: str
    content_hash: str
    label: str | None
    confidence: float | None
    reason: str


class FailedFile(Struct, frozen=True):
    """One file without a score, and why."""

    batch: str
    path: str
    error: str


class Told(Struct, frozen=True):
    """One event of the run that is no image's own."""

    level: str
    code: str
    batch: str
    message: str


class ReportFacts(Struct, frozen=True):
    """The whole report.

    ``measures`` are of the run as a whole; ``nights`` says how many runs tell what is usual of it.
    ``speed`` is images a second of each of ``speed_nights``, the last tonight. ``drawn``: how many
    that it did not flag are to be looked at, too, to check how right the models are.
    """

    run: RunFacts
    totals: Totals
    nights: int = 0
    measures: tuple[Measure, ...] = ()
    batches: tuple[BatchFacts, ...] = ()
    more_batches: int = 0
    models: tuple[ModelFacts, ...] = ()
    reasons: tuple[tuple[str, int], ...] = ()
    look_at: tuple[LookAt, ...] = ()
    errors: tuple[tuple[str, int], ...] = ()
    more_errors: int = 0
    failed_files: tuple[FailedFile, ...] = ()
    events: tuple[Told, ...] = ()
    more_events: int = 0
    speed_nights: tuple[str, ...] = ()
    speed: tuple[float | None, ...] = ()
    drawn: int = 0
    after_the_fact: bool = False


def dump_facts(facts: ReportFacts) -> str:
    """Return the facts as JSON for the ledger."""
    return msgspec.json.encode(facts).decode("utf-8")


def load_facts(text: str) -> ReportFacts:
    """Return the facts that were kept; entries of other versions of this software are passed over.

    Raises ScoringError for what cannot be read as facts at all.
    """
    try:
        return msgspec.json.decode(text, type=ReportFacts)
    except (ValueError, RecursionError) as error:
        raise ScoringError(f"the kept facts of the report cannot be read: {error}") from None

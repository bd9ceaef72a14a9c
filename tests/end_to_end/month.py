"""A project that lives night by night: real server, client, ledger, report, sender and receivers.

Time is played, and so are the pictures and the person who judges what waits in the morning.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_string
from email.header import decode_header, make_header
from typing import Any

import cv2
import numpy as np

from fashion_model.dataset.readers import LabelledImages
from scoring.monitoring.alerts import __main__ as alerts_program
from scoring.monitoring.report import PAGE, TEXT, report_folder
from scoring.records import run_monitoring
from scoring.records.labels import Labels, PictureKey
from scoring.records.ledger import Ledger, Run
from tests.conftest import running_server
from tests.receivers import Inbox
from tests.scoring.monitoring.nights import Nights, NightSettings

# When somebody looks for what is to be sent, hours after a night's run began.
LOOKS = (0.0, 0.1, 0.5, 1.5, 4.0, 8.0, 14.0, 20.0, 23.5)
JUDGED_AFTER = timedelta(hours=14)
NOT_A_GARMENT = -1
OF_ALL = (
    "SELECT path, label, content_hash, review IS NOT NULL FROM predictions"
    " WHERE run_id = ? AND label IS NOT NULL"
)
AUDIT = "SELECT path FROM audit_sample WHERE run_id = ?"


@dataclass(frozen=True)
class Told:
    """A message that came: the night that it came in or after, its channel, and its first line."""

    night: int
    channel: str
    title: str


@dataclass(frozen=True)
class Evening:
    """One night, as it was found the next morning; ``right`` is what nobody there knows."""

    number: int
    what: str
    run: Run
    right: float
    facts: dict[str, Any]
    version: str
    text: str
    page: str
    told: list[Told] = field(default_factory=list)

    @property
    def estimate(self) -> dict[str, Any]:
        found: dict[str, Any] = self.facts["estimate"]
        return found

    @property
    def alarms(self) -> list[str]:
        """Return the detectors whose alarm stands."""
        return [name for name, one in self.facts["drift"].items() if one["alarm"]]

    @property
    def advised(self) -> bool:
        return bool(self.facts["thresholds"]["advised"])


@dataclass
class Month:
    """Nights, one after another; ``mail`` may be dead on some of them."""

    settings: NightSettings
    mail: Inbox
    hook: Inbox
    heartbeat: Inbox
    evenings: list[Evening] = field(default_factory=list)
    _lived: Nights = field(init=False)

    def __post_init__(self) -> None:
        NightSettings.begin()
        self._lived = Nights(self.settings)

    def live(self, what: str, shown: LabelledImages) -> Evening:
        """Let pictures come in, score them, tell of it, and have what waits judged."""
        truth = self._write(shown)
        began = self.settings.moment
        with self._serving():
            run = self._score()
        evening = self._found(what, run, truth)
        self.evenings.append(evening)
        self._tell(evening, began)
        NightSettings.moment = max(self.settings.moment, began + JUDGED_AFTER)
        self._judge(run, truth)
        self._lived.pass_day()
        return evening

    def _write(self, shown: LabelledImages) -> dict[str, int]:
        folder = self.settings.batches_folder / self._batch
        folder.mkdir(parents=True)
        names = [f"item-{place:03}.png" for place in range(len(shown))]
        for name, image in zip(names, shown.images, strict=True):
            assert cv2.imwrite(str(folder / name), image)
        return dict(zip(names, shown.labels.tolist(), strict=True))

    @property
    def _batch(self) -> str:
        return f"R{self._lived.day:%m%d}"

    @contextmanager
    def _serving(self) -> Iterator[None]:
        """Let the server be up as it is each evening: with what it loads at its start."""
        with running_server(self.settings) as url:
            client = self.settings.client.replaced(server=url)
            self._lived.settings = self.settings.replaced(client=client)
            yield

    def _score(self) -> Run:
        nights = self._lived
        nights.run("--nightly", nights.day.isoformat())
        with Ledger.from_settings(self.settings) as ledger:
            run = ledger.nightly_run(nights.day)
        assert run
        return run

    def _found(self, what: str, run: Run, truth: dict[str, int]) -> Evening:
        with Ledger.from_settings(self.settings) as ledger:
            rows = ledger.database.query(OF_ALL, (run.id,))
            ((version, facts),) = run_monitoring.find(ledger.database, run.id).items()
            labels = ledger.model_facts(version)["labels"]  # type: ignore[index]
        right = [labels.index(label) == truth[path] for path, label, *_ in rows]
        folder = report_folder(self.settings, run.id)
        return Evening(
            number=len(self.evenings) + 1,
            what=what,
            run=run,
            right=float(np.mean(right)),
            facts=facts,
            version=version,
            text=words((folder / TEXT).read_text("utf-8")),
            page=words((folder / PAGE).read_text("utf-8")),
        )

    def _tell(self, evening: Evening, began: datetime) -> None:
        """Let the sender be started as the scheduler does, through the day."""
        seen = {name: len(inbox.came) for name, inbox in self._inboxes.items()}
        ended = self.settings.moment
        for hours in LOOKS:
            NightSettings.moment = ended + timedelta(hours=hours)
            assert alerts_program.send(self.settings) == 0
        NightSettings.moment = ended
        for name, inbox in self._inboxes.items():
            came = [_title(*one) for one in inbox.came[seen[name] :]]
            evening.told.extend(Told(evening.number, name, title) for title in came)

    @property
    def _inboxes(self) -> dict[str, Inbox]:
        return {"mail": self.mail, "hook": self.hook, "heartbeat": self.heartbeat}

    def _judge(self, run: Run, truth: dict[str, int]) -> None:
        """Say of the audit sample and of what is marked what it truly is."""
        with Ledger.from_settings(self.settings) as ledger:
            drawn = {path for (path,) in ledger.database.query(AUDIT, (run.id,))}
            names = ledger.model_facts(run.model_version)["labels"]  # type: ignore[index]
            labels = Labels(ledger, self.settings.now)
            for path, _, digest, marked in ledger.database.query(OF_ALL, (run.id,)):
                if marked or path in drawn:
                    true = truth[path]
                    verdict = "label" if true != NOT_A_GARMENT else "not a garment"
                    labels.add(
                        PictureKey(self._batch, path, digest),
                        verdict,  # type: ignore[arg-type]
                        names[true] if true != NOT_A_GARMENT else None,
                        reviewer="anna",
                        source="desk",
                        blind=path in drawn,
                    )


def words(text: str) -> str:
    """Return what of a report is read: no marks, no lines."""
    read = re.sub("<style.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL)
    return " ".join(html.unescape(read).split())


def table(evenings: list[Evening]) -> Iterator[str]:
    """Yield the nights as lines for a person."""
    for one in evenings:
        found = one.estimate
        value, low, high = (f"{100 * found[name]:.1f}" for name in ("value", "low", "high"))
        estimate = f"{value} % ({low} to {high})" if found["valid"] else "not valid"
        said = [*one.alarms, *(["retrain"] if one.advised else [])]
        yield (
            f"{one.number:2} {one.run.due_date} {one.what:15} {found['images']} images,"
            f" {100 * one.right:.1f} % right; estimate {estimate:23}"
            f" version {one.version[:6]}; {', '.join(said) or '-'}"
        )
        for told in one.told:
            if told.channel != "heartbeat":
                yield f"{'':15}{told.channel}: {told.title}"


def _title(path: str, body: str) -> str:
    if path.startswith("/ping"):
        return path
    if path != "mail":
        return str(json.loads(body)["title"])
    return str(make_header(decode_header(message_from_string(body)["Subject"])))

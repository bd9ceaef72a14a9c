"""Nights of many kinds: drawn pictures, a real server, the real client, and a clock of ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from functools import cache
from pathlib import Path
from random import Random
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from client.command import Command
from client.command_line import parse_arguments
from client.stop_signal import StopSignal
from fashion_model.drawn.draw import CLASSES, LIGHT, Drawn, draw_batch, draw_picture
from scoring.records.events_log import EventsLog
from scoring.records.ledger import Ledger, Run
from scoring.settings import Settings
from tests.conftest import BUNDLE, running_server

FIRST = date(2026, 11, 16)
# Of so many ordinary pictures each evening brings others.
STOCK, STOCK_SEED = 120, 100
Picture = NDArray[np.uint8]


class NightSettings(Settings):
    """Settings whose present time is the nights'."""

    moment: ClassVar[datetime]

    @classmethod
    def begin(cls) -> None:
        """Let it be the first evening, whatever other nights were lived in this process."""
        cls.moment = datetime.combine(FIRST, time_of_day(18, 5), UTC)

    def now(self) -> datetime:
        type(self).moment += timedelta(milliseconds=100)
        return self.moment


@dataclass
class Nights:
    """A project whose nights are scored one after another, each with a folder of its own."""

    settings: NightSettings
    day: date = FIRST

    def night(self, pictures: Iterable[Drawn], name: str = "") -> Run:
        """Let a folder of pictures come in, score the night, and return its run."""
        folder = self.settings.batches_folder / (name or f"R{self.day:%m%d}")
        folder.mkdir(parents=True, exist_ok=True)
        for picture in pictures:
            (folder / picture.name).write_bytes(picture.data)
        self.run("--nightly", self.day.isoformat())
        with Ledger.from_settings(self.settings) as ledger:
            run = ledger.nightly_run(self.day)
        assert run
        self.pass_day()
        return run

    def by_hand(self, *arguments: str) -> Run:
        """Score by hand, and return the run."""
        self.run(*arguments)
        with Ledger.from_settings(self.settings) as ledger:
            run = ledger.runs(1)[0]
        assert run
        return run

    def run(self, *arguments: str, stop: StopSignal | None = None) -> int:
        """Run the client by its command line."""
        given = parse_arguments(arguments)
        events = EventsLog.from_settings(self.settings)
        # This process began long before.
        began = time.monotonic()
        return Command(self.settings, given, stop or StopSignal(), events, began=began).run()

    def pass_day(self) -> None:
        """Let the next day come."""
        self.day += timedelta(days=1)
        NightSettings.moment = datetime.combine(
            self.day, NightSettings.moment.timetz().replace(hour=18, minute=5)
        )


@contextmanager
def nights_in(project: Path) -> Iterator[Nights]:
    """Yield the nights of a project folder, with a server up."""
    NightSettings.begin()
    (project / "image_batches").mkdir(parents=True, exist_ok=True)
    server = {"models": (BUNDLE,)}
    schedule = {"settle_seconds": 0, "zone": "UTC"}
    with running_server(Settings(project=project, server=server)) as url:
        settings = NightSettings(
            project=project, server=server, client={"server": url}, schedule=schedule
        )
        yield Nights(settings)


@cache
def clean(count: int, seed: int) -> tuple[Drawn, ...]:
    """Draw product pictures of all classes; they are drawn once, for that takes long."""
    return tuple(draw_batch(seed, count, LIGHT))


def ordinary(count: int, seed: int) -> list[Drawn]:
    """Take an evening's pictures of a stock of ordinary ones."""
    return Random(seed).sample(clean(STOCK, STOCK_SEED), count)


def changed(count: int, seed: int, change: Callable[[Picture], Picture]) -> Iterator[Drawn]:
    """Draw product pictures, and change each one."""
    for drawn in clean(count, seed):
        picture = cv2.imdecode(np.frombuffer(drawn.data, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        yield _encoded(Path(drawn.name).stem, drawn.label, change(np.asarray(picture, np.uint8)))


def dark(count: int, seed: int) -> Iterator[Drawn]:
    """Draw pictures as a camera takes them with too little light."""
    return changed(count, seed, lambda picture: np.asarray(picture * 0.22, np.uint8))


def blurred(count: int, seed: int) -> Iterator[Drawn]:
    """Draw pictures that are out of focus."""

    def blur(picture: Picture) -> Picture:
        sigma = 0.07 * max(picture.shape)
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)

    return changed(count, seed, blur)


def with_digits(count: int, seed: int) -> Iterator[Drawn]:
    """Draw pictures of which every third shows a number."""
    for place, drawn in enumerate(clean(count, seed)):
        if place % 3:
            yield drawn
            continue
        picture = np.full((200, 160, 3), 250, np.uint8)
        cv2.putText(picture, str(place % 10), (25, 165), cv2.FONT_HERSHEY_SIMPLEX, 6, (20,) * 3, 22)
        yield _encoded(f"digit-{place:03}", "", picture)


def one_class(count: int, seed: int, label: str = "Trouser") -> Iterator[Drawn]:
    """Draw pictures of one class alone."""
    random = np.random.default_rng(seed)
    for place in range(count):
        picture = draw_picture(CLASSES[label], LIGHT, random)
        yield _encoded(f"item-{place:03}", label, picture)


def half_corrupt(count: int, seed: int) -> Iterator[Drawn]:
    """Draw pictures of which every second file breaks off."""
    for place, drawn in enumerate(clean(count, seed)):
        data = drawn.data if place % 2 else drawn.data[: len(drawn.data) // 3]
        yield Drawn(drawn.name, drawn.label, data)


def empty(_count: int, _seed: int) -> tuple[Drawn, ...]:
    """Draw nothing."""
    return ()


def _encoded(stem: str, label: str, picture: Picture) -> Drawn:
    done, data = cv2.imencode(".png", picture)
    assert done
    return Drawn(f"{stem}.png", label, data.tobytes())

from __future__ import annotations

from collections import Counter

import pytest

from client.batch_events import TOLD, BatchEvents
from scoring.records.events_log import EventsLog
from scoring.settings import Settings


@pytest.mark.parametrize(("count", "more"), [(0, 0), (1, 0), (TOLD, 0), (TOLD + 1, 1), (500, 480)])
def test_of_many_images_the_first_are_named_and_the_rest_are_counted(
    settings: Settings, count: int, more: int
) -> None:
    events = EventsLog.from_settings(settings)
    told = BatchEvents(events, "r1", "G1")
    for number in range(count):
        told.image_failed(f"{number}.png", "is damaged")
        told.image_left(f"{number}.jpg", "still written")
    told.finish()
    lines = events.path.read_text(encoding="utf-8").splitlines() if count else []
    assert all(", r1, G1, " in line for line in lines)
    codes = Counter(line.split(", ")[2] for line in lines)
    assert codes["image-failed"] == codes["image-left"] == count - more
    assert codes["images-failed"] == codes["images-left"] == bool(more)
    assert all(f"{more} more images" in line for line in lines if ", images-" in line)

"""The desk is killed while two people review, as fast as a hand can: row 63."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from scoring.records.labels import Labels
from scoring.records.ledger import Ledger
from scoring.settings import Settings
from tests.deadlines import DEADLINE, wait_for
from tests.desk.desk_process import DeskProcess, running_desk
from tests.desk.waiting_pictures import add_run, drawn, flagged

PICTURES, KILLS = 200, 3
# Two people: 20 a second together.
PAUSE_SECONDS = 0.1
# No answer at all, or one that was cut off.
NOT_ANSWERED = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Accept": "application/json"}


class Reviewer(threading.Thread):
    """Answers what is before him until nothing waits, and asks again where nobody replied."""

    def __init__(self, desk: DeskProcess, name: str, label: str) -> None:
        super().__init__(name=name, daemon=True)
        self.label = label
        self.saved: dict[str, int] = {}
        self.told_of_others = 0
        self._url = desk.url
        self._session = requests.Session()
        self._session.headers.update(SAME_ORIGIN)
        self._session.post(f"{self._url}/who", data={"name": name}, timeout=DEADLINE)

    def run(self) -> None:
        state = self._post("more", wanted=6)
        while state["items"]:
            item, *others = state["items"]
            holding = [other["id"] for other in others]
            said = {"picture": item["id"], "label": self.label, "seconds": PAUSE_SECONDS}
            state = self._post("answer", **said, wanted=6, holding=holding)
            if "saved" in state:
                self.saved[item["id"]] = state["saved"]
            else:
                self.told_of_others += 1
            time.sleep(PAUSE_SECONDS)

    def _post(self, what: str, **body: Any) -> Any:
        """Send it until it is answered: what the page's outbox does."""
        while True:
            try:
                answer = self._session.post(
                    f"{self._url}/review/{what}",
                    json={"visit": self.name, **body},
                    timeout=DEADLINE,
                )
            except NOT_ANSWERED:
                time.sleep(PAUSE_SECONDS)
                continue
            assert answer.status_code in (200, 409), answer.text
            return answer.json()


@pytest.fixture
def desk(settings: Settings) -> Iterator[DeskProcess]:
    half = PICTURES // 2
    found = [*(flagged(n, n / PICTURES) for n in range(half)), *(drawn(n) for n in range(half))]
    add_run(settings, found, started=datetime.now(UTC) - timedelta(hours=1))
    with running_desk() as desk:
        yield desk


def test_row_63_the_desk_is_killed_while_two_people_review(
    desk: DeskProcess, settings: Settings
) -> None:
    reviewers = [Reviewer(desk, "Ana", "Coat"), Reviewer(desk, "Ben", "Bag")]
    for reviewer in reviewers:
        reviewer.start()

    def saved() -> int:
        return sum(len(reviewer.saved) for reviewer in reviewers)

    for kill in range(1, KILLS + 1):
        enough = kill * PICTURES // (KILLS + 1)
        wait_for(lambda enough=enough: saved() >= enough, f"{enough} decisions")  # type: ignore[misc]
        desk.kill()
        desk.start()
    for reviewer in reviewers:
        reviewer.join(DEADLINE)
        assert not reviewer.is_alive()
    with Ledger.from_settings(settings) as ledger:
        rows = list(Labels(ledger).since(0))
    assert len({row.picture for row in rows}) == len(rows) == PICTURES
    by_name = {reviewer.name: reviewer for reviewer in reviewers}
    for name, reviewer in by_name.items():
        mine = {row.id for row in rows if row.reviewer == name}
        assert mine == set(reviewer.saved.values()), "what was said to be saved is, and no more"
        assert all(row.label == reviewer.label for row in rows if row.reviewer == name)
        assert len(reviewer.saved) == len(mine)
    assert all(row.blind for row in rows)

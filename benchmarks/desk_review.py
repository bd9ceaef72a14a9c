"""How long the desk takes to answer a key: the decision written, and the next pictures found.

python -m benchmarks.desk_review [--rows 100000] [--keys 200]

Of the rows one in twenty is flagged and sixty a run are drawn for the audit; one in fifteen is
reviewed already, a third of the flagged ones among them.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from desk.app import create_app
from desk.serving import DeskServer
from scoring.processes.listening import bind
from scoring.records.kept_picture import KeptPicture
from scoring.records.labels import Answer, Decision, Labels, PictureKey
from scoring.records.ledger import ChunkCost, Ledger, Run, ScoredImage
from scoring.records.picture_store import PictureStore
from scoring.settings import Settings

RUNS = 10
FLAGGED_OF = 20
REVIEWED_OF = 15
AUDITED = 60
VERSION = "f" * 64
HEADERS = {"Sec-Fetch-Site": "same-origin", "Accept": "application/json"}
SECONDS = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """Fill a ledger, press keys, write the times."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.desk_review")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--keys", type=int, default=200)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(project=Path(folder))
        fill(settings, arguments.rows)
        app = create_app(settings, loopback=True)
        server = DeskServer(app, bind("127.0.0.1", 0, "desk.port"))
        server.start()
        try:
            measure(f"http://127.0.0.1:{server.port}", arguments.keys)
        finally:
            server.stop(1.0)
    return 0


def measure(url: str, keys: int) -> None:
    """Write how long the first page and each key took, as a browser waits for them."""
    session = requests.Session()
    session.headers.update(HEADERS)
    session.post(f"{url}/who", data={"name": "Ana"}, timeout=SECONDS, allow_redirects=False)
    started = time.perf_counter()
    state = session.post(f"{url}/review/more", json={"wanted": 6}, timeout=SECONDS).json()
    sys.stdout.write(f"{state['left']} wait; read in {time.perf_counter() - started:.2f} s\n")
    times = []
    for _ in range(keys):
        item, *others = state["items"]
        body = {"picture": item["id"], "label": "Coat", "seconds": 1.0, "wanted": 6,
                "holding": [other["id"] for other in others]}  # fmt: skip
        started = time.perf_counter()
        state = session.post(f"{url}/review/answer", json=body, timeout=SECONDS).json()
        times.append(1000 * (time.perf_counter() - started))
    times.sort()
    p50, p95 = (times[int(share * (len(times) - 1))] for share in (0.5, 0.95))
    sys.stdout.write(f"a key: p50 {p50:.1f} ms, p95 {p95:.1f} ms, most {times[-1]:.1f} ms\n")


def fill(settings: Settings, rows: int) -> None:
    """Write a ledger of ten runs in the last ten days, with pictures of what is flagged."""
    facts = {"labels": ["Coat", "Bag"], "review": {"outlier": "not a garment?"}}
    with Ledger.from_settings(settings) as ledger, PictureStore.from_settings(settings) as store:
        ledger.keep_model_facts(VERSION, "fashion", facts)
        for number in range(RUNS):
            started = datetime.now(UTC) - timedelta(days=RUNS - number)
            add_run(ledger, store, f"run-{number}", rows // RUNS, started)
        Labels(ledger).add_all(reviews(rows // RUNS))


def add_run(ledger: Ledger, store: PictureStore, run: str, rows: int, started: datetime) -> None:
    ledger.start_run(Run(run, "manual", None, "all", (run,), "running", "", "fashion", VERSION,
                         started, None))  # fmt: skip
    ledger.touch_batch(run, run, 0, [path_of(num) for num in range(rows)])
    images = [scored(run, num) for num in range(rows)]
    ledger.commit_chunk(run, run, VERSION, images, ChunkCost(), started)
    drawn = [image for image in images if image.review is None][:AUDITED]
    with ledger.database.transaction() as connection:
        connection.executemany(
            "INSERT INTO audit_sample (run_id, batch, path, content_hash, model_version, inclusion)"
            " VALUES (?, ?, ?, ?, ?, 0.01)",
            [(run, run, image.path, image.content_hash, VERSION) for image in drawn],
        )
    ledger.finish_run(run, "done", "", started)
    flagged = [image for image in images if image.review]
    store.keep((kept(run, image) for image in [*flagged, *drawn]), started)


def scored(run: str, num: int) -> ScoredImage:
    hash_ = hashlib.sha256(f"{run} {num}".encode()).hexdigest()
    review = "low confidence" if num % FLAGGED_OF == 0 else None
    confidence = (num % 997) / 997
    return ScoredImage(num + 1, path_of(num), hash_, "Coat", confidence, review)


def kept(run: str, image: ScoredImage) -> KeptPicture:
    near = int(image.content_hash[:16], 16)
    return KeptPicture(run, image.path, image.content_hash, b"\x89PNG", "image/png", near)


def reviews(rows: int) -> Iterator[Decision]:
    """Yield decisions on some of every run's pictures."""
    for number in range(RUNS):
        run = f"run-{number}"
        for num in range(0, rows, REVIEWED_OF):
            image = scored(run, num)
            picture = PictureKey(run, image.path, image.content_hash)
            yield Decision(picture, Answer("label", "Coat"), "Ben", "import", seconds=1.0)


def path_of(num: int) -> str:
    return f"item-{num:06}.png"


if __name__ == "__main__":
    sys.exit(main())

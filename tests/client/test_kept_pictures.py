"""Pictures of a run, kept after it has ended: a real server, real files, whatever befalls them."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from client import kept_pictures, request
from client.stop_signal import StopSignal
from scoring.batches.picture_reader import PictureReader, Remembered
from scoring.protocol.errors import ExitCode
from scoring.protocol.signature import PreprocessingRef
from scoring.records.audit import sample_of
from scoring.records.events_log import EventsLog
from scoring.records.housekeeping import Housekeeping
from scoring.records.ledger import Ledger
from scoring.records.picture_store import PictureStore
from scoring.settings import load_settings
from tests.conftest import write_batch

pytestmark = pytest.mark.usefixtures("server_url")

GARMENT, GREY = PreprocessingRef("garment", 2), (28, 28, 1)


@pytest.fixture
def batch(project: Path) -> Path:
    """Return a batch of shirts, with noise, a drawing and a file that is cut off among them."""
    folder = project / "image_batches" / "G1"
    write_batch(folder, 8)
    random = np.random.default_rng(7)
    for number in range(3):
        noise = random.integers(0, 256, (300, 220, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"noise_{number}.jpg"), noise)
    whole = (folder / "noise_0.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "letter.jpg").write_bytes(b"no picture at all")
    return folder


@pytest.fixture
def store(project: Path) -> Iterator[PictureStore]:
    with PictureStore.from_settings(load_settings()) as store:
        yield store


def content_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def events(project: Path) -> list[str]:
    lines = (project / "logs" / "Events-log.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if ", pictures, " in line]


def score(*arguments: str) -> int:
    return request.main(["G1", *arguments])


def test_everything_that_somebody_may_be_asked_about_has_a_picture(
    project: Path, batch: Path, store: PictureStore
) -> None:
    assert score() == ExitCode.DONE
    settings = load_settings()
    with Ledger.from_settings(settings) as ledger:
        run = ledger.runs(1)[0]
        assert run
        rows = list(ledger.result_rows(run.id))
        audited = {item.path for item in sample_of(ledger.database, run.id)}
    asked = {row.path for row in rows if row.review} | audited | {"cut.jpg"}
    assert any(row.review for row in rows)
    assert audited
    kept = {path.name for path in batch.iterdir() if store.has(content_hash(path))}
    assert kept == asked
    for name in kept:
        picture = store.thumbnail(content_hash(batch / name))
        assert picture
        image = cv2.imdecode(np.frombuffer(picture[0], np.uint8), cv2.IMREAD_UNCHANGED)
        assert max(np.asarray(image).shape[:2]) <= 256
        seen = store.seen(content_hash(batch / name), GARMENT, GREY)
        assert (seen is None) == (name == "cut.jpg")
    assert events(project) == []


def test_the_pixels_are_those_that_the_model_saw(
    project: Path, batch: Path, store: PictureStore
) -> None:
    """A data-set image is its own pixels, remembered by the run or made once more."""
    score()
    for number in range(1, 9):
        path = batch / f"img_{number}.png"
        seen = store.seen(content_hash(path), GARMENT, GREY)
        assert seen is not None
        file = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        assert np.array_equal(seen[:, :, 0], file)
        assert store.thumbnail(content_hash(path)) == (path.read_bytes(), "image/png")


def test_without_a_setting_for_them_no_pictures_are_kept(
    project: Path, batch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_RECORDS__PICTURES_BYTES", "0")
    assert score() == ExitCode.DONE
    assert not load_settings().pictures_file.exists()


def test_names_that_no_line_can_hold_have_pictures_too(
    project: Path, batch: Path, store: PictureStore
) -> None:
    strange = batch / "a\\b\nc \u202egnp.jpg"
    try:
        (batch / "noise_1.jpg").rename(strange)
    except OSError:
        pytest.skip("no such names here")
    score()
    assert store.has(content_hash(strange))


def test_an_image_that_is_gone_or_changed_by_then_is_told_in_one_event(
    project: Path, batch: Path, store: PictureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = content_hash(batch / "noise_1.jpg")
    keep = kept_pictures.PictureKeeping.keep

    def meanwhile(self: kept_pictures.PictureKeeping, ended: object) -> None:
        (batch / "noise_0.jpg").unlink()
        (batch / "noise_1.jpg").write_bytes((batch / "noise_2.jpg").read_bytes())
        keep(self, ended)  # type: ignore[arg-type]

    monkeypatch.setattr(kept_pictures.PictureKeeping, "keep", meanwhile)
    assert score() == ExitCode.DONE
    assert len(events(project)) == 1
    assert "2 of " in events(project)[0]
    assert not store.has(old)
    assert store.has(content_hash(batch / "noise_2.jpg"))


def spoil(path: Path, how: str) -> None:
    path.parent.mkdir(exist_ok=True)
    if how == "damaged":
        path.write_bytes(b"a letter to the editor " * 1000)
    elif how == "a folder":
        path.mkdir()
    else:
        with closing(sqlite3.connect(path)) as newer:
            newer.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("how", ["damaged", "a folder", "of a newer version"])
def test_a_store_that_cannot_be_used_costs_no_run(
    project: Path, batch: Path, store: PictureStore, how: str
) -> None:
    spoil(store.path, how)
    assert score() == ExitCode.DONE
    assert (project / "Results.csv").exists()
    told = events(project)
    assert told
    if how == "damaged":
        assert len(told) == 1
        assert "set aside as pictures.damaged.db" in told[0]
        assert store.has(content_hash(batch / "noise_2.jpg"))
    if how == "of a newer version":
        assert "newer version" in told[0]


def test_a_bug_costs_no_run(project: Path, batch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(kept_pictures.PictureKeeping, "_keep_all", fail)
    assert score() == ExitCode.DONE
    assert (project / "Results.csv").exists()
    assert "listener-failed" in (project / "logs" / "Events-log.txt").read_text(encoding="utf-8")


def test_who_is_told_to_end_keeps_no_more(
    project: Path, batch: Path, store: PictureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler waits for the client, and would kill it."""
    monkeypatch.setenv("SCORING_CLIENT__STOP_SECONDS", "0.000001")
    monkeypatch.setattr(kept_pictures, "AT_ONCE", 1)
    monkeypatch.setattr(StopSignal, "requested", property(lambda self: stopped))
    stopped = False
    made = PictureReader._keep

    def stop_after_the_first(self: PictureReader, *rest: object) -> None:
        nonlocal stopped
        stopped = True
        made(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(PictureReader, "_keep", stop_after_the_first)
    assert score() == ExitCode.DONE
    assert "the run was told to end" in events(project)[0]


def test_past_its_bytes_the_oldest_make_room(
    project: Path, batch: Path, store: PictureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCORING_RECORDS__PICTURES_BYTES", "200000")
    score()
    noise = (batch / "noise_1.jpg").read_bytes()
    kept = content_hash(batch / "noise_1.jpg")
    assert store.has(kept)
    for number in range(40):
        pixels = np.random.default_rng(number).integers(0, 256, (300, 220, 3), dtype=np.uint8)
        cv2.imwrite(str(batch / f"noise_{number}.jpg"), pixels)
    (batch / "noise_1.jpg").write_bytes(noise + b"\n")
    assert score() == ExitCode.DONE
    assert 0 < store.size_bytes <= 200_000
    assert not store.has(kept)


def test_what_the_ledger_forgets_goes_and_what_was_reviewed_stays(
    project: Path, batch: Path, store: PictureStore
) -> None:
    score()
    first, second = content_hash(batch / "noise_1.jpg"), content_hash(batch / "noise_2.jpg")
    settings = load_settings()
    with Ledger.from_settings(settings) as ledger:
        with ledger.database.transaction() as connection:
            connection.execute(
                "INSERT INTO reviews (batch, path, content_hash, run_id, model_name,"
                " model_version, verdict, reviewer, source, decided_at) VALUES"
                " ('G1', 'noise_1.jpg', ?, 'r', 'fashion', 'v', 'not a garment', 'Ada', 'desk',"
                " '2026-11-21T18:05:00.000000+00:00')",
                (first,),
            )
            connection.execute("DELETE FROM predictions WHERE path LIKE 'noise%'")
        with closing(sqlite3.connect(store.path)) as aged:
            aged.execute("UPDATE pictures SET kept_at = '2020-01-01T00:00:00.000000+00:00'")
            aged.commit()
        log = EventsLog.from_settings(settings)
        Housekeeping(settings, ledger, log, settings.now()).run(nightly=False)
    assert store.has(first)
    assert not store.has(second)
    assert store.has(content_hash(batch / "img_1.png"))


def test_large_files_of_the_audit_sample_are_not_preprocessed_again(
    project: Path, batch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 9):
        image = np.asarray(cv2.imread(str(batch / f"img_{number}.png"), cv2.IMREAD_GRAYSCALE))
        large = cv2.resize(255 - image, (560, 560), interpolation=cv2.INTER_CUBIC)
        product = cv2.copyMakeBorder(large, 60, 60, 60, 60, cv2.BORDER_REPLICATE)
        cv2.imwrite(str(batch / f"product_{number}.jpg"), product)
    anew: list[bytes] = []
    whole = PictureReader._seen_anew

    def seen_anew(reader: PictureReader, data: bytes) -> Remembered:
        anew.append(data)
        return whole(reader, data)

    monkeypatch.setattr(PictureReader, "_seen_anew", seen_anew)
    assert score() == ExitCode.DONE
    settings = load_settings()
    with Ledger.from_settings(settings) as ledger:
        audited = {one.path for one in sample_of(ledger.database, ledger.runs(1)[0].id)}
    assert any(path.startswith("product") for path in audited)
    assert all(data.startswith(b"\x89PNG") for data in anew)

"""ScoringClient as a program of somebody else uses it: real pictures, a real server, no project."""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import orjson
import pandas as pd
import pytest
import requests

from client import api as client_api
from client import request
from client.api import ScoringClient
from client.chunk_poster import ScoringFailed
from client.results import PictureResult
from scoring.processes.port_owner import free_port
from scoring.protocol.commands import command
from scoring.protocol.errors import (
    BatchMissing,
    ExitCode,
    InvalidPixels,
    NoServer,
    ScoringError,
    SettingsError,
)
from scoring.settings import CODE_ROOT, ClientSettings, Settings, load_settings
from tests.client.lying_server import Answer, answering, is_predict, relay
from tests.conftest import BUNDLE, garment_pixels, running_server, write_batch
from tests.deadlines import DEADLINE

QUICK = ClientSettings(tries=3, retry_seconds=0.0)
KEY = "the-key-of-the-shop"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return the URL of a server of two models, which nobody's settings name."""
    models = (BUNDLE, CODE_ROOT / "models" / "digits")
    with running_server(Settings(server={"models": models})) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[ScoringClient]:
    with ScoringClient(url, options=QUICK) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_batch(tmp_path / "pictures", 12)
    return tmp_path / "pictures"


def seen(results: list[PictureResult]) -> list[tuple[str | None, float | None]]:
    return [(result.label, result.confidence) for result in results]


# What may be handed in


def test_a_folder_is_scored_as_the_batch_job_scores_it(
    project: Path, url: str, client: ScoringClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = project / "image_batches" / "G1"
    write_batch(batch, 12)
    (batch / "img_5.png").write_bytes(b"no picture")
    grey = np.full((60, 40, 3), 128, np.uint8)
    cv2.imwrite(str(batch / "img_20.jpg"), grey)
    (batch / "notes.txt").write_text("no picture either")
    monkeypatch.setenv("SCORING_CLIENT__SERVER", url)
    assert request.main(["G1"]) == ExitCode.DONE
    with (project / "Results.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    results = client.predict(batch)
    assert [row["Image"] for row in rows] == [result.id for result in results]
    for row, result in zip(rows, results, strict=True):
        assert row["Item"] == (result.label or "")
        assert row["Error"] == (result.error or "")
        assert row["Review"] == (result.review or "")
        assert row["Second item"] == (result.second_label or "")
        if result.confidence is not None:
            assert row["Confidence %"] == f"{100 * result.confidence:.2f}"
    assert [result.id for result in results if result.error] == ["img_5.png"]
    assert any("uncontrolled background" in (result.review or "") for result in results)


def test_a_picture_gets_the_same_answer_in_whatever_form(
    client: ScoringClient, folder: Path
) -> None:
    expected = seen(client.predict(folder))
    paths = [folder / f"img_{number}.png" for number in range(1, 13)]
    rows = garment_pixels(12)
    pictures = list(rows.reshape(-1, 28, 28))
    assert seen(client.predict(paths)) == expected
    assert seen(client.predict(map(str, paths))) == expected
    assert seen(client.predict([path.read_bytes() for path in paths])) == expected
    assert seen(client.predict(pictures)) == expected
    assert seen(client.predict([np.dstack([grey] * 3) for grey in pictures])) == expected
    assert seen(client.predict([grey[:, :, np.newaxis] for grey in pictures])) == expected
    assert seen(client.predict(list(rows))) == expected
    assert seen(client.predict(rows)) == expected
    assert seen(client.predict(rows.astype(np.float32))) == expected
    assert seen(client.predict(pd.DataFrame(rows))) == expected
    assert seen([client.predict(path)[0] for path in paths]) == expected
    assert seen([client.predict(str(path))[0] for path in paths]) == expected
    assert seen([client.predict(path.read_bytes())[0] for path in paths]) == expected


@pytest.mark.parametrize("good", [0, 1, 5, 12, 30])
def test_what_the_callers_pictures_raise_costs_none_before(url: str, good: int) -> None:
    """Ten chunks or none were read by then, some of them were at the server: all was lost."""

    def pictures() -> Iterator[Any]:
        yield from garment_pixels(good)
        raise LookupError("the shop's database is gone")

    results: list[PictureResult] = []
    with ScoringClient(url, options=QUICK.changed(chunk_rows=3)) as client:
        with pytest.raises(LookupError, match="the shop's database is gone"):
            results.extend(client.iter_predictions(pictures()))
        assert [result.id for result in results] == list(range(good))
        assert seen(results) == seen(client.predict(garment_pixels(good)))


def test_whoever_breaks_off_among_his_pictures_waits_for_none(client: ScoringClient) -> None:
    """Ctrl-C is no error of the pictures."""

    def pictures() -> Iterator[Any]:
        yield from garment_pixels(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(client.iter_predictions(pictures()))


def test_the_rest_of_a_callers_iterator_stays_his(client: ScoringClient) -> None:
    pictures = (row for row in garment_pixels(100_000))
    results = client.iter_predictions(pictures)
    next(results)
    results.close()
    assert next(pictures) is not None


def test_a_picture_goes_by_its_path_its_place_or_its_index(
    client: ScoringClient, folder: Path
) -> None:
    path, row = folder / "img_1.png", garment_pixels(1)[0]
    assert [result.id for result in client.predict([row, path, str(path)])] == [
        0,
        str(path),
        str(path),
    ]
    index = pd.Index(["a", "b", "a"])
    frame = pd.DataFrame(garment_pixels(3), index=index)
    assert [result.id for result in client.predict(frame)] == ["a", "b", "a"]
    days = pd.date_range("2026-11-20", periods=3)
    assert [result.id for result in client.predict(frame.set_index(days))] == list(days)


def test_one_bad_picture_costs_no_other(client: ScoringClient, folder: Path) -> None:
    good, picture = str(folder / "img_1.png"), np.zeros((9, 9, 3), np.uint8)
    (folder / "empty.png").touch()
    bad: list[tuple[Any, str]] = [
        (folder / "gone.png", "cannot be read: No such file"),
        ("http://shop.example/1.png", "cannot be read: nothing is fetched from a URL; hand in"),
        (folder, "cannot be read: no regular file"),
        ("a\0b", "cannot be read: "),
        (folder / "empty.png", r"the file is empty \(0 bytes\)"),
        (b"GIF", "the content is no image"),
        (picture.astype(np.float64), r"uint8 \[H, W\].* not float64 \[9, 9, 3\]"),
        (picture[:, :, :2], r"not uint8 \[9, 9, 2\]"),
        (picture[:0], r"has pixels, this one is \[0, 9, 3\]"),
        (np.zeros(783, np.uint8), "has 784 pixels, this one 783"),
        (np.ma.masked_equal(picture, 0), r"243 pixels are left out .* hand in array\.filled"),
        (np.ma.masked_equal(np.zeros(784, np.uint8), 0), "784 pixels are left out"),
        (np.full(784, 256), "pixel 0 holds 256; pixels are whole numbers 0 to 255"),
        (None, "a picture is a path, .*, not NoneType"),
        (7, "not int"),
    ]
    mixed = list(itertools.chain.from_iterable((wrong, good) for wrong, _ in bad))
    results = client.predict(mixed)
    assert len(results) == len(mixed)
    assert len(set(seen(results[1::2]))) == 1
    assert all(result.label and not result.error for result in results[1::2])
    for result, (_, told) in zip(results[::2], bad, strict=True):
        assert re.search(told, result.error or ""), (result.error, told)
        assert (result.label, result.confidence) == (None, None)


@pytest.mark.skipif(os.name == "nt", reason="making links takes rights there")
def test_a_link_that_is_named_is_followed(client: ScoringClient, folder: Path) -> None:
    link = folder.parent / "link.png"
    link.symlink_to(folder / "img_1.png")
    (result,) = client.predict([link])
    assert (result.id, result.error) == (str(link), None)
    assert seen([result]) == seen(client.predict(folder / "img_1.png"))


def test_nothing_gives_nothing(client: ScoringClient, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    kinds: list[Any] = [[], tmp_path / "empty", pd.DataFrame(columns=range(784)), garment_pixels(0)]
    for nothing in kinds:
        assert client.predict(nothing) == []


def test_a_folder_that_is_not_there_is_named(client: ScoringClient, tmp_path: Path) -> None:
    with pytest.raises(BatchMissing, match=r"no file or folder .*nowhere"):
        client.predict(tmp_path / "nowhere")
    with pytest.raises(BatchMissing, match=r"^http://shop\.example/1\.png: nothing is fetched"):
        client.predict("http://shop.example/1.png")
    for name in ("a\0b", "x" * 5_000):
        with pytest.raises(BatchMissing):
            client.predict(name)


def test_a_table_that_is_wrong_is_not_sent(url: str) -> None:
    frame = pd.DataFrame(garment_pixels(5)).astype(float)
    frame.iloc[3, 7] = 1.5
    asked: list[str] = []

    def count(path: str, _: bytes, __: int) -> Answer | None:
        asked.append(path)
        return None

    with answering(relay(url, count)) as spied, ScoringClient(spied) as client:
        with pytest.raises(InvalidPixels, match=r"row 3, column 7 holds 1\.5"):
            client.predict(frame)
    assert asked
    assert not any(map(is_predict, asked))


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (None, "NoneType; hand in a folder or an image file"),
        (5, "int; hand in"),
        (np.array(5), "ndarray; hand in"),
        (io.BytesIO(b"file"), r"open file \(BytesIO\) is not read here.* its read\(\)"),
        (io.StringIO("file"), "open file"),
    ],
)
def test_what_holds_no_pictures_is_refused_before_anybody_is_asked(kind: Any, told: str) -> None:
    nobody = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    with ScoringClient(nobody, options=QUICK) as client, pytest.raises(TypeError, match=told):
        client.predict(kind)


def test_an_empty_path_is_not_the_current_folder(client: ScoringClient) -> None:
    with pytest.raises(BatchMissing, match="path of the pictures is empty"):
        client.predict("")


@pytest.mark.skipif(os.name == "nt", reason="no pipes among the files there")
def test_a_pipe_is_not_waited_for(client: ScoringClient, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(BatchMissing, match=r"pipe\.png is neither an image file nor a folder"):
        client.predict(tmp_path / "pipe.png")


def test_a_caller_may_use_the_same_array_again(client: ScoringClient, folder: Path) -> None:
    """As a camera's frame is read into the one before."""
    paths = [folder / f"img_{number}.png" for number in range(1, 13)]
    rows = garment_pixels(12)

    def again(frame: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
        for row in rows:
            frame[:] = row.reshape(frame.shape)
            yield frame

    def again_as_file(view: bool) -> Iterator[Any]:
        buffer = bytearray()
        for path in paths:
            buffer = buffer if not view else bytearray(path.stat().st_size)
            buffer[:] = path.read_bytes()
            yield memoryview(buffer) if view else buffer
            buffer[:] = bytes(len(buffer))

    expected = seen(client.predict(paths))
    assert len(set(expected)) > 1
    assert seen(client.predict(again(np.empty((28, 28), np.uint8)))) == expected
    assert seen(client.predict(again(np.empty(784, np.float64)))) == expected
    assert seen(client.predict(again_as_file(view=False))) == expected
    assert seen(client.predict(again_as_file(view=True))) == expected
    assert seen(client.predict(memoryview(paths[0].read_bytes()))) == expected[:1]


def test_a_caller_may_go_to_another_folder_meanwhile(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = folder.parent / "other"
    other.mkdir()
    monkeypatch.chdir(folder.parent)
    with ScoringClient(url, options=QUICK.changed(chunk_rows=1, chunks_in_flight=1)) as client:
        expected = client.predict("pictures")
        results = client.iter_predictions("pictures")
        first = next(results)
        monkeypatch.chdir(other)
        assert [first, *results] == expected


def test_a_path_is_taken_from_where_the_caller_is(
    client: ScoringClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a program hands it over, wherever that goes before the file is read."""

    def going() -> Iterator[str]:
        for number in (1, 2):
            place = folder.parent / str(number)
            place.mkdir()
            (folder / f"img_{number}.png").rename(place / "same.png")
            monkeypatch.chdir(place)
            yield "same.png"
        monkeypatch.chdir(folder.parent)

    expected = seen(client.predict([folder / "img_1.png", folder / "img_2.png"]))
    results = client.predict(going())
    assert seen(results) == expected
    assert [result.id for result in results] == ["same.png", "same.png"]


# In chunks


def test_order_and_count_stay_over_many_chunks(url: str) -> None:
    rows = garment_pixels(100)
    with ScoringClient(url, options=QUICK) as client:
        expected = seen(client.predict(rows))
    for sizes in ({"chunk_rows": 7}, {"chunk_bytes": 784 * 7}):
        options = QUICK.changed(**sizes, chunks_in_flight=3)
        with ScoringClient(url, options=options) as client:
            mixed: list[Any] = [row if place % 9 else None for place, row in enumerate(rows)]
            results = client.predict(mixed)
        assert [result.id for result in results] == list(range(100))
        for place, result in enumerate(results):
            assert result.error if place % 9 == 0 else seen([result]) == [expected[place]]


def test_no_more_is_taken_than_is_under_way(url: str) -> None:
    taken = itertools.count()
    row = garment_pixels(1)[0]

    def endless() -> Iterator[np.ndarray[Any, Any]]:
        while next(taken) < 1_000_000:
            yield row

    options = QUICK.changed(chunk_rows=10, chunks_in_flight=2)
    with ScoringClient(url, options=options) as client:
        results = client.iter_predictions(endless())
        for place in range(95):
            assert next(results).id == place
        results.close()
    # The chunk in hand, two with the server, three that are read ahead.
    assert next(taken) <= 95 + 70
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode-")]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("posting")]


@pytest.mark.parametrize(("sizes", "most"), [((1, 1), 4), ((3, 2), 15)])
def test_so_many_are_taken_before_the_first_result(
    url: str, sizes: tuple[int, int], most: int
) -> None:
    taken: list[int] = []
    row = garment_pixels(1)[0]

    def endless() -> Iterator[np.ndarray[Any, Any]]:
        for place in itertools.count():
            taken.append(place)
            yield row

    options = QUICK.changed(chunk_rows=sizes[0], chunks_in_flight=sizes[1])
    with ScoringClient(url, options=options) as client:
        results = client.iter_predictions(endless())
        assert next(results).id == 0
        assert len(taken) == most
        results.close()


@pytest.mark.slow
def test_large_pictures_are_held_a_few_at_a_time(url: str) -> None:
    taken = itertools.count()
    picture = np.full((2_400, 3_000, 3), 255, np.uint8)

    def endless() -> Iterator[np.ndarray[Any, Any]]:
        while next(taken) < 1_000:
            yield picture

    with ScoringClient(url, options=QUICK) as client:
        results = client.iter_predictions(endless())
        assert next(results).error is None
        results.close()
    assert next(taken) <= 10


def test_413_halves_and_503_is_asked_again(url: str) -> None:
    def spoil(path: str, _: bytes, number: int) -> Answer | None:
        return (503, b"{}", {"Retry-After": "0"}) if is_predict(path) and number == 1 else None

    sizes: list[int] = []

    def halve(method: str, path: str, body: bytes) -> Answer:
        if is_predict(path):
            sizes.append(orjson.loads(body)["dataframe_b64"]["shape"][0])
            if sizes[-1] > 3:
                return 413, b"{}", {}
        response = requests.request(method, url + path, data=body or None, timeout=DEADLINE)
        return response.status_code, response.content, {}

    rows = garment_pixels(10)
    with ScoringClient(url) as client:
        expected = seen(client.predict(rows))
    for answer in (relay(url, spoil), halve):
        with answering(answer) as spoilt, ScoringClient(spoilt, options=QUICK) as client:
            assert seen(client.predict(rows)) == expected
    assert sizes == [10, 5, 2, 3, 5, 2, 3]


def test_what_was_yielded_before_the_server_went_stays_good(url: str) -> None:
    def second_fails(path: str, answer: bytes, number: int) -> Answer | None:
        return (
            (400, b'{"error": {"message": "no"}}', {}) if is_predict(path) and number > 1 else None
        )

    options = QUICK.changed(chunk_rows=4, chunks_in_flight=1)
    got: list[PictureResult] = []
    with answering(relay(url, second_fails)) as spoilt:
        with ScoringClient(spoilt, options=options) as client:
            with pytest.raises(ScoringFailed, match="the server answered 400: no"):
                got.extend(client.iter_predictions(garment_pixels(12)))
    assert [result.id for result in got] == [0, 1, 2, 3]


def test_who_has_enough_does_not_wait_for_a_minute(url: str) -> None:
    """The chunk after the one that was yielded is being tried again."""
    busy = threading.Event()

    def second_is_busy(path: str, answer: bytes, number: int) -> Answer | None:
        if is_predict(path) and len(orjson.loads(answer)["predictions"]) == 2:
            busy.set()
            return 503, b"{}", {}
        return None

    options = ClientSettings(retry_seconds=3_600, chunk_rows=4, chunks_in_flight=2)
    with answering(relay(url, second_is_busy)) as spoilt:
        with ScoringClient(spoilt, options=options) as client:
            results = client.iter_predictions(garment_pixels(6))
            next(results)
            assert busy.wait(DEADLINE)
            results.close()


# The server


def test_a_url_is_all_it_takes(url: str, tmp_path: Path, folder: Path) -> None:
    """No project, no settings (wrong ones would be an error), and nothing is written."""
    program = (
        "import sys; from client.api import ScoringClient\n"
        "with ScoringClient(sys.argv[1]) as client:\n"
        "    print(*(result.label for result in client.iter_predictions(sys.argv[2])), sep='|')\n"
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(CODE_ROOT), "SCORING_NONSENSE": "1"}
    environment["SCORING_PROJECT"] = str(tmp_path / "nowhere")
    done = subprocess.run(
        [sys.executable, "-c", program, url, str(folder)],
        cwd=empty,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    with ScoringClient(url) as client:
        labels = [result.label for result in client.predict(folder)]
    assert done.stdout.strip().split("|") == labels
    assert list(empty.iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


def test_the_model_is_chosen_by_name(url: str, client: ScoringClient) -> None:
    assert [model.name for model in client.models()] == ["fashion", "digits"]
    rows = garment_pixels(2)
    with ScoringClient(url, model="digits") as digits:
        assert digits.signature().name == "digits"
        by_default = digits.predict(rows)
        assert seen(digits.predict(rows, model="fashion")) == seen(client.predict(rows))
    assert seen(client.predict(rows, model="digits")) == seen(by_default)
    assert {result.label for result in by_default} <= set(map(str, range(10)))
    for name in ("digits", "fashion"):
        version = client.signature(name).version
        results = client.predict([rows[0], b"GIF"], model=name)
        assert [(one.model_name, one.model_version) for one in results] == [(name, version)] * 2
    with pytest.raises(NoServer, match="does not serve hats; it has fashion, digits"):
        client.predict(rows, model="hats")


def test_a_server_that_wants_a_key_gets_it(project: Path) -> None:
    with running_server(load_settings(server={"api_key": KEY})) as url:
        with ScoringClient(url, api_key=KEY) as client:
            assert client.predict(garment_pixels(1))[0].label
        for wrong in ("", "another"):
            told = r"wants a key or refused it \(.*401: .*SCORING_CLIENT__API_KEY.*api_key="
            with ScoringClient(url, api_key=wrong) as client:
                with pytest.raises(NoServer, match=told) as caught:
                    client.predict(garment_pixels(1))
            assert "UNAUTHORIZED" not in str(caught.value)


def test_a_closed_client_says_so(url: str) -> None:
    endless = itertools.repeat(garment_pixels(1)[0])
    with ScoringClient(url, options=QUICK.changed(chunk_rows=1)) as client:
        signature = client.signature()
        results = client.iter_predictions(endless)
        next(results)
    asked: list[Callable[[], object]] = [
        client.models,
        client.signature,
        lambda: client.predict(garment_pixels(1)),
        lambda: client.score_rows(signature, [0], garment_pixels(1)),
        lambda: list(results),
    ]
    for ask in asked:
        with pytest.raises(RuntimeError, match="this client is closed"):
            ask()
    client.close()


def test_nobody_there_is_said_once_all_tries_are_over(caplog: pytest.LogCaptureFixture) -> None:
    url = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    with ScoringClient(url, options=QUICK) as client, pytest.raises(NoServer) as caught:
        client.predict(garment_pixels(1))
    assert str(caught.value) == (
        f"no scoring server at {url} (nobody listens there);"
        f" start a server with '{command('server')}'"
    )
    assert caplog.text.count(f"{url}: nobody listens there; trying again") == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("place", ["https://scores.example/below", "", "http://[::1"])
def test_a_redirect_is_told_and_not_followed(
    method: str, status: int, place: str, url: str
) -> None:
    asked: list[str] = []
    passes_on = relay(url, lambda *_: None)

    def redirect(asked_by: str, path: str, body: bytes) -> Answer:
        if asked_by != method:
            return passes_on(asked_by, path, body)
        asked.append(path)
        return status, b"{}", {"Location": place + path}

    with answering(redirect) as far, ScoringClient(far, options=QUICK) as client:
        with pytest.raises(NoServer if method == "GET" else ScoringFailed) as caught:
            client.predict(garment_pixels(1))
    told = f"answered {status}: it redirects to {place or far}; give that URL as the server's"
    assert told in str(caught.value)
    assert asked == ["/health/ready"] if method == "GET" else len(asked) == 1


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_are_not_there_are_named(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "gone.pem"))
    url = f"https://127.0.0.1:{free_port('127.0.0.1')}"
    with ScoringClient(url, options=QUICK) as client:
        with pytest.raises(SettingsError, match=rf"^{variable} names no file or folder: .*gone"):
            client.predict(garment_pixels(1))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"url": ""}, "name a server"),
        ({"url": "scores:5000"}, "server: give a URL"),
        ({"url": "http://me:pw@scores:5000"}, "server: a URL with a name or password"),
        ({"url": "http://scores", "api_key": "s3cret\n"}, "api_key: a key has printable"),
    ],
)
def test_what_cannot_be_asked_is_named_at_once(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        ScoringClient(**arguments)
    assert "pw" not in str(caught.value).replace("password", "")
    assert "s3cret" not in str(caught.value)


def test_a_project_has_settings_for_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SCORING_CLIENT__SERVER", url)
    monkeypatch.setenv("SCORING_CLIENT__MODEL", "digits")
    monkeypatch.setenv("SCORING_CLIENT__TRIES", "7")
    monkeypatch.setenv("SCORING_BATCHES__FILE_SECONDS", "9")
    with ScoringClient.from_settings() as client:
        assert (client.url, client.options.tries) == (url, 7)
        assert client.signature().name == "digits"
    with ScoringClient.from_settings(load_settings(), url="http://other:1") as client:
        assert client.url == "http://other:1"


def test_errors_come_from_where_the_client_does() -> None:
    assert client_api.ScoringError is ScoringError
    named = (CODE_ROOT / "docs" / "api.md").read_text(encoding="utf-8").split("come from")[1]
    for name in re.findall(r"`(\w+)`", named.split("only a wrong")[0]):
        assert name in client_api.__all__
        assert issubclass(getattr(client_api, name), ScoringError)


def test_options_are_client_settings() -> None:
    with pytest.raises(TypeError, match=r"like ClientSettings\(tries=1\), not dict"):
        ScoringClient("http://127.0.0.1:1", options={"tries": 1})  # type: ignore[arg-type]


# The documents


def snippets() -> list[str]:
    text = (CODE_ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    section = text.split("\n## From Python\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, flags=re.S)


@pytest.mark.parametrize("snippet", snippets())
def test_the_documents_snippets_run(
    snippet: str, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CODE_ROOT)
    exec(compile(snippet.replace("http://127.0.0.1:5000", url), "docs/api.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()

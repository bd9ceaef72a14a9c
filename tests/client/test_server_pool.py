"""Several servers as one: real ones and such as die, hang, refuse or lie; then faults at random."""

from __future__ import annotations

import gc
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import requests
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from numpy.typing import NDArray

from client.api import ScoringClient
from client.chunk_poster import ChunkPoster, ScoringFailed
from client.server_link import Answer as LinkAnswer
from client.server_link import ServerLink
from client.server_pool import ServerPool
from client.stop_signal import Interrupted, StopSignal
from client.tries import Tries
from scoring.protocol.errors import BrokenAnswer, HttpRefusal, ModelNotServed, NoServer
from scoring.protocol.metadata import Readiness, served_models
from scoring.protocol.prediction import BadResponse, PredictionResponse, RowPrediction
from scoring.protocol.signature import Signature, dump_signature, parse_signature, seal
from scoring.settings import CODE_ROOT, ClientSettings, Settings, load_settings
from tests.client.lying_server import Answer, answering, is_predict, predictions, relay
from tests.conftest import BUNDLE, garment_pixels, running_server
from tests.deadlines import DEADLINE, wait_for

NOWHERE = "http://127.0.0.1:1"
QUICK = ClientSettings(retry_seconds=0.01, chunk_rows=4, read_seconds=30)
COUNT = 40


class Heard(list[tuple[str, str, str]]):
    """What a pool told: level, code, message."""

    def hear(self, level: str, code: str, message: str) -> None:
        self.append((level, code, message))

    def codes(self) -> list[str]:
        return [code for _, code, _ in self]


@contextmanager
def pool(
    *urls: str, options: ClientSettings = QUICK, api_key: str = ""
) -> Iterator[tuple[ScoringClient, Heard]]:
    heard = Heard()
    with ScoringClient(urls, options=options, hear=heard.hear, api_key=api_key) as client:
        yield client, heard


def labels(client: ScoringClient, count: int = COUNT) -> list[str | None]:
    return [result.label for result in client.iter_predictions(garment_pixels(count))]


@pytest.fixture
def long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody look again at a server that is left out, however long a test takes."""
    monkeypatch.setattr("client.server_pool.FIRST_PAUSE", 3_600.0)


@pytest.fixture
def one(server_url: str) -> str:
    return server_url


@pytest.fixture
def expected(one: str) -> list[str | None]:
    """Return what one server makes of the images."""
    with ScoringClient(one) as client:
        return labels(client)


def other_version(folder: Path) -> Path:
    """Return a bundle that differs by its date alone."""
    shutil.copytree(BUNDLE, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    document = orjson.loads((folder / "signature.json").read_bytes())
    document.pop("version")
    sealed = dump_signature(seal({**document, "created": "2020-01-01"}))
    (folder / "signature.json").write_bytes(sealed)
    return folder


def test_all_share_the_work_and_each_has_its_number_under_way(
    one: str, settings: Settings, expected: list[str | None]
) -> None:
    options = QUICK.changed(chunks_in_flight=2)
    with running_server(settings) as two, pool(one, two, options=options) as (client, heard):
        assert client.url == f"{one}, {two}"
        assert labels(client) == expected
        assert sum(client.images_by_server.values()) == COUNT
        assert all(client.images_by_server.values())
    assert heard == []


def test_no_server_has_more_under_way_than_it_may(one: str) -> None:
    lock, under_way, most = threading.Lock(), Counter[str](), Counter[str]()

    def counting(name: str) -> Callable[..., Answer]:
        passed_on = relay(one, lambda *_: None)

        def answer(method: str, path: str, body: bytes) -> Answer:
            if not is_predict(path):
                return passed_on(method, path, body)
            with lock:
                under_way[name] += 1
                most[name] = max(most[name], under_way[name])
            try:
                return passed_on(method, path, body)
            finally:
                with lock:
                    under_way[name] -= 1

        return answer

    options = QUICK.changed(chunks_in_flight=1)
    with (
        answering(counting("a")) as a,
        answering(counting("b")) as b,
        pool(a, b, options=options) as (client, _),
    ):
        signature = client.signature()
        score = lambda _: client.score_rows(signature, range(2), garment_pixels(2))  # noqa: E731
        with ThreadPoolExecutor(6) as many:
            list(many.map(score, range(30)))
    assert most == {"a": 1, "b": 1}


def test_one_that_is_not_there_costs_no_try(one: str, expected: list[str | None]) -> None:
    slow = QUICK.changed(retry_seconds=3_600)
    with pool(NOWHERE, one, options=slow) as (client, heard):
        assert labels(client) == expected
        assert client.images_by_server == {NOWHERE: 0, one: COUNT}
    ((level, code, message),) = heard
    assert (level, code) == ("WARNING", "server-left-out")
    assert message.startswith(f"{NOWHERE}: nobody listens there; the others get its chunks")


@pytest.mark.usefixtures("long_pauses")
@pytest.mark.parametrize(
    "spoilt",
    [
        lambda _: (503, b"{}", {"Retry-After": "3600"}),
        lambda _: (500, b"{}", {}),
        lambda _: (404, b"{}", {}),
        lambda _: (401, b"{}", {}),
        lambda body: (200, body[:40], {"Content-Length": str(len(body)), "Connection": "close"}),
        lambda _: (200, b'{"predictions": []}', {}),
        lambda body: (200, predictions(body, lambda rows: rows.reverse()), {}),
        lambda body: (200, predictions(body, lambda rows: rows[0].update(label="hat")), {}),
    ],
    ids=["503", "500", "404", "401", "breaks off", "nothing", "order", "label"],
)
def test_one_that_fails_in_mid_run_costs_no_try_and_no_row(
    one: str, expected: list[str | None], spoilt: Callable[[bytes], Answer]
) -> None:
    slow = QUICK.changed(retry_seconds=3_600)

    def fail(path: str, body: bytes, number: int) -> Answer | None:
        return spoilt(body) if is_predict(path) and number > 2 else None

    with answering(relay(one, fail)) as bad, pool(bad, one, options=slow) as (client, heard):
        assert labels(client) == expected
        assert sum(client.images_by_server.values()) == COUNT
    assert heard.codes() == ["server-left-out"]


@contextmanager
def hanging(one: str) -> Iterator[tuple[str, threading.Event]]:
    """Pass all on to the real server, but no chunk before ``end`` is set; yield URL and ``end``."""
    end = threading.Event()

    def hang(path: str, _: bytes, __: int) -> Answer | None:
        if is_predict(path):
            end.wait()
        return None

    with answering(relay(one, hang)) as url:
        try:
            yield url, end
        finally:
            end.set()


@pytest.mark.usefixtures("long_pauses")
def test_one_that_hangs_is_left_out_after_its_time(one: str, expected: list[str | None]) -> None:
    # The other one answers within that, also on a busy machine.
    options = QUICK.changed(read_seconds=10, retry_seconds=3_600)
    with hanging(one) as (stuck, _), pool(stuck, one, options=options) as (client, heard):
        assert labels(client) == expected
        wait_for(lambda: "server-left-out" in heard.codes(), "its time to be over")
    assert heard[-1][1:] == (
        "server-left-out",
        f"{stuck}: no answer in time; the others get its chunks until it is well again",
    )


def test_nobody_waits_for_one_that_hangs(one: str, expected: list[str | None]) -> None:
    """Its chunks go to another long before its time is over; once it answers it gets new ones."""
    options = QUICK.changed(read_seconds=3_600)
    with hanging(one) as (stuck, end), pool(stuck, one, options=options) as (client, heard):
        signature = client.signature()
        assert labels(client) == expected
        assert client.images_by_server == {stuck: 0, one: COUNT}
        assert labels(client) == expected, "it has two chunks in hand still, and gets no more"
        assert client.reference(signature), "nor is it the first to be asked for anything"
        ((level, code, message),) = heard
        assert (level, code) == ("WARNING", "server-late")
        assert message.startswith(f"{stuck}: no answer for ")
        end.set()
        wait_for(
            lambda: bool(labels(client) and client.images_by_server[stuck]), "it to get chunks"
        )
        assert sum(client.images_by_server.values()) % COUNT == 0, "none is counted twice"


def test_an_answer_that_is_late_counts_where_it_is_the_first(
    one: str, expected: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.server_pool.LATE_SECONDS", 0.0)
    monkeypatch.setattr("client.server_pool.LATE_TIMES", 0.0)
    options = QUICK.changed(read_seconds=3_600)
    with hanging(one) as (a, end), hanging(one) as (b, _), pool(a, b, options=options) as way:
        client, heard = way
        rows = []
        asking = threading.Thread(
            target=lambda: rows.append(
                client.score_rows(client.signature(), range(COUNT), garment_pixels(COUNT))
            )
        )
        asking.start()
        wait_for(lambda: heard.codes() == ["server-late"], "the second to be asked")
        end.set()
        asking.join()
        assert [row.label for row in rows[0].predictions] == expected
        assert client.images_by_server == {a: COUNT, b: 0}


def test_it_comes_back_when_it_is_well_again(one: str) -> None:
    is_well = threading.Event()

    def sick(path: str, _: bytes, __: int) -> Answer | None:
        return None if is_well.is_set() else (503, b"{}", {})

    with answering(relay(one, sick)) as url, pool(url, one) as (client, heard):
        labels(client)
        assert client.images_by_server[url] == 0
        assert heard.codes() == ["server-left-out"]
        is_well.set()
        wait_for(lambda: "server-back" in heard.codes(), "its return")
        labels(client)
        assert client.images_by_server[url] > 0
    assert heard[-1] == ("INFO", "server-back", f"{url} is well again and gets chunks")


def test_who_lies_is_not_asked_again(one: str) -> None:
    looks: list[str] = []

    def lie(path: str, body: bytes, _: int) -> Answer | None:
        looks.append(path)
        return (200, predictions(body, list.clear), {}) if is_predict(path) else None

    with answering(relay(one, lie)) as liar, pool(liar, one) as (client, heard):
        labels(client)
        seen = len(looks)
        labels(client)
        assert client.images_by_server == {liar: 0, one: 2 * COUNT}
        # It may be the first whose signature is asked for; no chunk goes there.
        assert not any(map(is_predict, looks[seen:]))
    assert heard.codes() == ["server-left-out"]
    assert heard[0][2].endswith("until the end of this run")


def test_another_version_scores_nothing_and_the_firsts_counts(
    one: str, settings: Settings, tmp_path: Path
) -> None:
    older = load_settings(server={"models": (other_version(tmp_path / "older"),)})
    with running_server(older) as stale:
        for first, second in ((one, stale), (stale, one)):
            with pool(first, second) as (client, heard):
                version = client.signature().version
                assert {result.model_version for result in client.predict(garment_pixels(9))} == {
                    version
                }
                assert client.images_by_server == {first: 9, second: 0}
            ((level, code, message),) = heard
            assert (level, code) == ("WARNING", "server-unfit")
            assert message.startswith(f"{second} serves fashion ")
            assert message.endswith(
                f" and not {version[:12]}; it scores none of these images until it serves that"
            )


@pytest.mark.parametrize("how", ["at once", "by a restart"])
def test_a_version_that_is_switched_at_one_comes_back_with_it(
    one: str, expected: list[str | None], tmp_path: Path, how: str
) -> None:
    """It was lost for the run: its answer fitted no more, or nobody looked at it again."""
    newer = load_settings(server={"models": (other_version(tmp_path / "newer"),)})
    options = QUICK.changed(chunks_in_flight=1)
    behind = [one]

    def pass_on(method: str, path: str, body: bytes) -> Answer:
        if not behind[0]:
            raise ConnectionAbortedError
        return relay(behind[0], lambda *_: None)(method, path, body)

    with (
        running_server(newer) as other,
        answering(pass_on) as a,
        answering(relay(one, lambda *_: None)) as b,
        pool(b, a, options=options) as (client, heard),
    ):
        signature = client.signature()
        rows = garment_pixels(4)

        def score() -> str:
            return client.score_rows(signature, range(4), rows).predictions[0].label

        def has_scored(url: str) -> bool:
            before = client.images_by_server[url]
            assert score() == expected[0]
            return client.images_by_server[url] > before

        wait_for(lambda: has_scored(a), "both to have their share")
        if how == "by a restart":
            behind[0] = ""
            wait_for(lambda: not has_scored(a) and heard != [], "it to be left out")
        behind[0] = other
        wait_for(lambda: not has_scored(a) and "server-unfit" in heard.codes(), "it to be unfit")
        seen = client.images_by_server[a]
        assert [score() for _ in range(5)] == [expected[0]] * 5
        assert client.images_by_server[a] == seen
        behind[0] = one
        wait_for(lambda: has_scored(a), "it to get chunks again")
    (unfit,) = [message for _, code, message in heard if code == "server-unfit"]
    assert unfit.startswith(a)
    assert unfit.endswith("it scores none of these images until it serves that")
    back = f"{a} serves fashion {signature.version[:12]} again and gets chunks"
    assert heard[-1] == ("INFO", "server-back", back)


def test_servers_that_were_started_anew_with_another_model_are_known_by_it(
    one: str, settings: Settings, tmp_path: Path
) -> None:
    """A program of long life asks for the model at each call; so do its servers change."""
    newer = load_settings(server={"models": (other_version(tmp_path / "newer"),)})
    behind = [one]

    def pass_on(method: str, path: str, body: bytes) -> Answer:
        return relay(behind[0], lambda *_: None)(method, path, body)

    with (
        running_server(newer) as other,
        answering(pass_on) as a,
        answering(pass_on) as b,
        pool(a, b) as (client, heard),
    ):
        before = client.predict(garment_pixels(9))[0].model_version
        behind[0] = other
        assert client.predict(garment_pixels(9))[0].model_version != before
    assert heard == []


def test_one_without_the_model_scores_nothing_of_it(one: str) -> None:
    digits = load_settings(server={"models": (CODE_ROOT / "models" / "digits",)})
    with running_server(digits) as url, pool(url, one) as (client, heard):
        signature = client.signature("fashion")
        client.score_rows(signature, range(3), garment_pixels(3))
        client.score_rows(signature, range(3), garment_pixels(3))
        assert client.images_by_server == {url: 0, one: 6}
    text = f"{url} does not serve fashion; it scores none of these images until it serves that"
    assert heard == [("WARNING", "server-unfit", text)]


def test_one_that_wants_another_key_is_left_out(one: str) -> None:
    locked = load_settings(server={"api_key": "the-right-one"})
    with running_server(locked) as url, pool(url, one, api_key="wrong") as (client, heard):
        labels(client)
        assert client.images_by_server == {url: 0, one: COUNT}
    assert heard.codes() == ["server-left-out"]
    assert "401" in heard[0][2]


@pytest.mark.parametrize(("status", "asked"), [(422, 1), (413, 3)])
def test_a_request_that_is_refused_is_nobodys_fault(one: str, status: int, asked: int) -> None:
    chunks: list[str] = []

    def refuse(path: str, _: bytes, __: int) -> Answer | None:
        if not is_predict(path):
            return None
        chunks.append(path)
        return status, b"{}", {}

    with (
        answering(relay(one, refuse)) as a,
        answering(relay(one, refuse)) as b,
        pool(a, b) as (client, heard),
    ):
        with pytest.raises(ScoringFailed, match=str(status)):
            client.score_rows(client.signature(), range(4), garment_pixels(4))
    assert heard == []
    assert len(chunks) == asked


def test_all_dead_at_the_start_have_the_tries_of_one() -> None:
    tries: list[BaseException] = []
    with pool(NOWHERE, "http://127.0.0.1:2") as (client, heard):
        with pytest.raises(NoServer, match=f"no scoring server at {NOWHERE}, http://127.0.0.1:2"):
            client.signature(tries=Tries(QUICK, tell=tries.append))
    assert len(tries) == 2
    assert heard.codes() == ["server-left-out"] * 2


def test_servers_that_went_away_since_they_were_looked_at_are_not_asked_in_a_hurry(
    one: str,
) -> None:
    gone, asked = False, 0

    def die(_: str, __: bytes, ___: int) -> Answer | None:
        nonlocal asked
        if gone:
            asked += 1
            raise ConnectionAbortedError
        return None

    with (
        answering(relay(one, die)) as a,
        answering(relay(one, die)) as b,
        pool(a, b, options=QUICK.changed(retry_seconds=1)) as (client, heard),
    ):
        client.signature()
        gone = True
        with pytest.raises(NoServer):
            client.signature(tries=Tries(client.options))
    assert heard.codes().count("server-left-out") == 2
    assert asked < 30  # it was a thousand in a second


def test_all_dead_in_mid_run_have_the_tries_of_one(one: str) -> None:
    posts: list[str] = []

    def die(path: str, _: bytes, __: int) -> Answer | None:
        if is_predict(path):
            posts.append(path)
            raise ConnectionAbortedError
        return None

    tries: list[BaseException] = []
    # They are well whenever they are looked at. The first try asks both; a later one may come when
    # only one of them has been looked at again, and whoever is well again before it is asked then.
    with (
        answering(relay(one, die)) as a,
        answering(relay(one, die)) as b,
        pool(a, b, options=QUICK.changed(retry_seconds=1)) as (client, _),
    ):
        told = Tries(client.options, tell=tries.append)
        with pytest.raises(ScoringFailed, match="after all tries: it hung up before it had ans"):
            client.score_rows(client.signature(), range(4), garment_pixels(4), tries=told)
    assert len(tries) == 2
    assert 4 <= len(posts) <= 10


def test_a_server_that_comes_up_for_the_next_try_is_used(one: str) -> None:
    def starting(path: str, _: bytes, number: int) -> Answer | None:
        return (503, b"{}", {}) if path == "/health/ready" and number < 3 else None

    with answering(relay(one, starting)) as url, pool(NOWHERE, url) as (client, _):
        assert len(client.predict(garment_pixels(3))) == 3


@contextmanager
def mortal(
    one: str, *, looks_well: bool = False
) -> Iterator[tuple[str, threading.Event, list[str]]]:
    """Pass all on to the real server while ``lives`` is set; yield URL, ``lives`` and its chunks.

    Dead, it answers nothing; or no chunk alone, where it ``looks_well``.
    """
    lives, chunks = threading.Event(), list[str]()
    lives.set()

    def answer(path: str, _: bytes, __: int) -> Answer | None:
        if is_predict(path):
            chunks.append(path)
        if lives.is_set() or (looks_well and not is_predict(path)):
            return None
        raise ConnectionAbortedError

    with answering(relay(one, answer)) as url:
        yield url, lives, chunks


@pytest.mark.parametrize("dies", [0, 9], ids=["at the start", "in mid-run"])
def test_who_comes_back_when_all_are_dead_is_asked_at_once(
    one: str, expected: list[str | None], dies: int
) -> None:
    """A run waited for its next try, a minute, beside a server that was ready again."""
    options = QUICK.changed(retry_seconds=3_600)
    with mortal(one) as (a, a_lives, _), mortal(one) as (b, b_lives, _):
        with pool(a, b, options=options) as (client, heard), ThreadPoolExecutor(1) as asking:
            seen = client.iter_predictions(garment_pixels(COUNT))
            first = [next(seen).label for _ in range(dies)]
            a_lives.clear()
            b_lives.clear()
            rest = asking.submit(lambda: [result.label for result in seen])
            wait_for(lambda: heard.codes().count("server-left-out") == 2, "both to be left out")
            b_lives.set()
            assert first + rest.result(DEADLINE) == expected
        assert client.images_by_server[b] > 0


def test_nobody_waits_for_servers_of_a_client_that_is_closed() -> None:
    """It said so a minute later."""
    options = QUICK.changed(retry_seconds=3_600)
    heard = Heard()
    client = ScoringClient([NOWHERE, "http://127.0.0.1:2"], options=options, hear=heard.hear)
    with ThreadPoolExecutor(1) as asking:
        scored = asking.submit(client.predict, garment_pixels(1))
        wait_for(lambda: heard.codes() == ["server-left-out"] * 2, "both to be left out")
        client.close()
        with pytest.raises(RuntimeError, match="this client is closed"):
            scored.result(DEADLINE)


def test_who_hears_of_servers_and_fails_costs_no_chunk(
    one: str, expected: list[str | None], caplog: pytest.LogCaptureFixture
) -> None:
    def hear(*_: str) -> None:
        raise LookupError("the shop's log is gone")

    with mortal(one, looks_well=True) as (url, lives, _):
        with ScoringClient([url, one], options=QUICK, hear=hear) as client:
            client.signature()
            lives.clear()
            assert labels(client) == expected
    assert "server-left-out" in caplog.text


def test_who_is_ready_and_fails_spends_no_tries_by_it(one: str) -> None:
    tries: list[BaseException] = []
    stop = StopSignal()
    options = QUICK.changed(retry_seconds=3_600)
    with (
        mortal(one, looks_well=True) as (a, a_lives, chunks),
        pool(a, NOWHERE, options=options) as (client, _),
        ThreadPoolExecutor(1) as asking,
    ):
        signature = client.signature()
        a_lives.clear()
        told = Tries(client.options, stop, tries.append)
        score = lambda: client.score_rows(signature, range(4), garment_pixels(4), tries=told)  # noqa: E731
        scored = asking.submit(score)
        wait_for(lambda: len(chunks) >= 3, "it to be asked whenever it is ready")
        assert len(tries) == 1
        stop.request()
        with pytest.raises(Interrupted):
            scored.result(DEADLINE)


def test_a_lost_model_ends_it(one: str) -> None:
    """All servers were started anew with another model: as with one, nothing is mixed."""
    with pool(one, NOWHERE) as (client, _):
        signature = seal({**client.signature().to_dict(), "created": "2020-01-01"})
        with pytest.raises(ScoringFailed, match="after all tries"):
            client.score_rows(signature, range(3), garment_pixels(3))


def test_a_model_that_nobody_has_is_not_waited_for(one: str) -> None:
    with pool(NOWHERE, one, options=QUICK.changed(retry_seconds=3_600)) as (client, _):
        with pytest.raises(ModelNotServed, match="does not serve hats"):
            client.signature("hats")


# Faults at random: no chunk is lost, none has two answers, and every thread comes to an end.

FAULTS: dict[str, Callable[[], Exception]] = {
    "dies": lambda: requests.exceptions.ConnectionError("gone"),
    "hangs": lambda: requests.exceptions.ReadTimeout("late"),
    "breaks off": lambda: BrokenAnswer("short"),
    "busy": lambda: HttpRefusal(503, "busy", None),
    "bug": lambda: HttpRefusal(500, "bug", None),
    "key": lambda: HttpRefusal(401, "key", None),
    "lies": lambda: BadResponse("wrong"),
}


@cache
def fashion() -> Signature:
    return parse_signature((BUNDLE / "signature.json").read_bytes())


class SimulatedLink(ServerLink):
    """Answers at once, or fails as its script says; what has been asked of it stands in ``log``."""

    def __init__(self, url: str, script: Iterator[str], log: list[int], lock: Any) -> None:
        self.url = url
        self._script, self._log, self._lock = script, log, lock

    def close(self) -> None:
        pass

    def _act(self) -> None:
        with self._lock:
            act = next(self._script, "well")
        if act != "well":
            raise FAULTS[act]()

    def check_identity(self) -> Readiness:
        self._act()
        return Readiness(True, served_models([fashion()]))

    def signature(self, name: str = "") -> Signature:
        return fashion()

    def predict(
        self, signature: Signature, ids: Sequence[int], pixels: NDArray[np.uint8], request_id: str
    ) -> LinkAnswer:
        self._act()
        with self._lock:
            self._log.append(ids[0])
        rows = [RowPrediction(one, "Bag", 1.0, None, 0.0, "Coat", 0.0) for one in ids]
        response = PredictionResponse(signature.name, signature.version, 0.0, rows)
        return LinkAnswer(response, 1)


scripts = st.lists(st.sampled_from(["well", "well", *FAULTS]), max_size=12)


@examples(max_examples=60)
@given(st.lists(scripts, min_size=2, max_size=4), st.integers(1, 2), st.integers(1, 5))
def test_every_chunk_has_one_answer_or_the_known_error(
    plan: list[list[str]], in_flight: int, threads: int
) -> None:
    lock, log, urls = threading.Lock(), list[int](), [f"http://s{n}" for n in range(len(plan))]
    acts = {url: iter(script) for url, script in zip(urls, plan, strict=True)}
    options = ClientSettings(tries=3, retry_seconds=0.0, chunks_in_flight=in_flight)
    servers = ServerPool(
        urls,
        lambda url, _: SimulatedLink(url, acts[url], log, lock),
        options,
        lambda *_: None,
    )

    # On a machine that stands still for a while, an answer at once may be late.
    servers._patience = lambda: 3_600.0  # type: ignore[method-assign]

    def post(chunk: int) -> list[int | str] | None:
        poster = ChunkPoster(servers, fashion(), Tries(options, tell=lambda _: None))
        ids = range(10 * chunk, 10 * chunk + 3)
        try:
            rows = poster.post(ids, np.zeros((3, 784), np.uint8), "r")
        except ScoringFailed:
            return None
        assert [row.id for row in rows] == list(ids)
        return [row.id for row in rows]

    with ThreadPoolExecutor(threads) as posting:
        answers = list(posting.map(post, range(8)))
    servers.close()
    answered = [10 * chunk for chunk, answer in enumerate(answers) if answer]
    assert sorted(log) == answered, "each that was answered was so once, and no other was"
    assert sum(servers.images.values()) == 3 * len(answered)
    if not any(act != "well" for script in plan for act in script):
        assert len(answered) == 8


def test_a_client_that_nobody_closed_leaves_no_thread(
    one: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would ask the server that is left out for as long as the program runs."""

    def carers() -> list[str]:
        return [each.name for each in threading.enumerate() if each.name == f"caring for {NOWHERE}"]

    monkeypatch.setattr("client.server_pool.FIRST_PAUSE", 0.01)
    wait_for(lambda: not carers(), "those of other tests end")
    client = ScoringClient([one, NOWHERE], options=QUICK)
    assert len(client.predict(garment_pixels(3))) == 3
    assert carers()
    del client
    gc.collect()
    wait_for(lambda: not carers(), "its thread ends")

"""ScoringClient: how a program has its pictures scored. ``client.request`` is one of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from types import TracebackType
from typing import NoReturn, Self, TypeVar

import numpy as np
import requests
from msgspec import Struct
from numpy.typing import NDArray

from client.chunk_poster import ChunkPoster, ScoringFailed
from client.pictures import Pictures, PictureSource, check_kind
from client.results import PictureResult
from client.retry_policy import can_heal, reason
from client.scoring_stream import stream_results
from client.server_link import ServerLink
from client.server_pool import Hear, ServerPool, log_news
from client.tries import Tries
from scoring.protocol.commands import command
from scoring.protocol.errors import (
    BatchMissing,
    BatchUnreadable,
    HttpRefusal,
    InvalidPixels,
    ModelNotServed,
    NoServer,
    ScoringError,
    SettingsError,
)
from scoring.protocol.frame_codec import Compression
from scoring.protocol.identity import SessionSecret
from scoring.protocol.loopback import is_loopback_url
from scoring.protocol.metadata import ServedModel
from scoring.protocol.prediction import RowPrediction
from scoring.protocol.signature import Signature
from scoring.records.rows import ChunkCost
from scoring.settings import BatchesSettings, ClientSettings, Settings, load_settings

# What another program works with; every error but TypeError and RuntimeError is a ScoringError.
__all__ = [
    "BatchMissing",
    "BatchUnreadable",
    "ClientSettings",
    "InvalidPixels",
    "ModelNotServed",
    "NoServer",
    "PictureResult",
    "ScoringClient",
    "ScoringError",
    "ScoringFailed",
    "SettingsError",
]

Told = TypeVar("Told")

log = logging.getLogger("scoring.client")

HOW_TO_START = f"start a server with '{command('server')}'"
HOW_TO_GIVE_A_KEY = "give it as SCORING_CLIENT__API_KEY, or from Python as api_key=…"


class ScoredRows(Struct, frozen=True):
    """The predictions of one block of rows, in their order, and what they cost."""

    predictions: list[RowPrediction]
    cost: ChunkCost


class ScoringClient:
    """Has pictures scored by a server, or by several; use it in a ``with`` block.

    It needs no more than the server's URL: no project folder, no ledger, no scheduler. Several
    threads may use one, and processes that are forked off; no other process may.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        *,
        model: str = "",
        api_key: str = "",
        options: ClientSettings | None = None,
        reading: BatchesSettings | None = None,
        secret: SessionSecret | None = None,
        session: requests.Session | None = None,
        hear: Hear = log_news,
    ) -> None:
        """Take the way to a server; nothing is sent yet.

        Args:
            url: where it answers, like ``http://host:5000``; several, in a list or with commas
                between, share the work, and the first that is well says what the model is.
            model: name of the model to score with, by default the server's first.
            api_key: the key that the server wants, if it wants one.
            options: tries, waits, sizes of chunks and limits on files, as ``[client]`` of
                ``settings.toml`` has them; by default those that stand there.
            reading: what of a folder is left out and what reading may take, as ``[batches]``.
            secret: of the session that started server and client together.
            session: the way there, by default one over the network.
            hear: hears of servers, of several, that are left out and come back.

        Raises SettingsError for a URL or a key that cannot be one, TypeError for other options.
        """
        if not isinstance(options, ClientSettings | None):
            kind = type(options).__name__
            raise TypeError(f"options are ClientSettings, like ClientSettings(tries=1), not {kind}")
        given = {"server": url, "model": model, "api_key": api_key}
        self.options = (options or ClientSettings()).changed(
            **{name: value for name, value in given.items() if value}
        )
        self._reading = reading or BatchesSettings()
        self.servers = urls = self.options.servers
        self.url = ", ".join(urls)
        if not urls:
            raise SettingsError("name a server, like ScoringClient('http://host:5000')")
        key = self.options.api_key

        def link(url: str, read_seconds: float) -> ServerLink:
            return ServerLink(
                url,
                connect_seconds=self.options.connect_seconds,
                read_seconds=read_seconds,
                api_key=key.reveal() if key else "",
                secret=secret,
                compression=_compression(self.options, url),
                session=session,
            )

        # One server needs nobody to choose, and none is there to take its chunks.
        self._pool = ServerPool(urls, link, self.options, hear) if len(urls) > 1 else None
        self._link = self._pool or link(urls[0], self.options.read_seconds)

    @classmethod
    def from_settings(
        cls,
        settings: Settings | None = None,
        *,
        url: str = "",
        secret: SessionSecret | None = None,
        session: requests.Session | None = None,
        hear: Hear = log_news,
    ) -> Self:
        """Return a client as the project's settings have it: server, key, model, tries, limits.

        ``url`` stands in for the server's. Raises SettingsError for settings that are wrong.
        """
        settings = settings or load_settings()
        client = settings.client
        # The key of this machine's own server goes to no other.
        key = client.api_key or (None if client.server else settings.server.api_key)
        return cls(
            url or settings.server_urls,
            model=client.model,
            api_key=key.reveal() if key else "",
            options=client,
            reading=settings.batches,
            secret=secret,
            session=session,
            hear=hear,
        )

    @property
    def images_by_server(self) -> dict[str, int]:
        """Return how many images each of several servers has scored; nothing where there is one."""
        return self._pool.images if self._pool else {}

    def close(self) -> None:
        """Close the connections; nothing can be asked afterwards."""
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a ScoringClient has connections and a key, and is neither copied nor pickled; make one"
            " in each process, of the same URL"
        )

    def models(self, tries: Tries | None = None) -> tuple[ServedModel, ...]:
        """Return what the server serves, by name and version; the first answers by default.

        Raises what ``signature`` raises.
        """
        return self._ask(self._link.check_identity, tries or self._tries()).models

    def signature(self, model: str = "", tries: Tries | None = None) -> Signature:
        """Return what a model is: its labels, its input, its preprocessing, its version.

        ``model`` is by default the client's own. Raises NoServer where no try helped, or where
        that model is not served.
        """
        name = model or self.options.model
        return self._ask(lambda: self._link.signature(name), tries or self._tries())

    def reference(self, signature: Signature) -> bytes:
        """Return what a model said of held-out images, as its bundle has it (``Reference``).

        It is asked for once. Raises what requests raises, HttpRefusal or another ScoringError.
        """
        return self._link.reference(signature)

    def predict(self, pictures: Pictures, *, model: str = "") -> list[PictureResult]:
        """Return what the model sees in each picture, in order; ``iter_predictions`` as a list."""
        return list(self.iter_predictions(pictures, model=model))

    def iter_predictions(
        self, pictures: Pictures, *, model: str = ""
    ) -> Generator[PictureResult, None, None]:
        """Yield what the model sees in each picture, in order, while the next ones are under way.

        A picture that cannot be read is a result with its ``error`` and costs no other. Memory
        does not grow with their number; the ones to come are asked for as they are needed, up to
        ``chunks_in_flight`` (a server) + 3 chunks of ``chunk_rows`` before the first result. An
        array may be filled with the next picture as soon as the next is asked for.

        Args:
            pictures: one of

                - a path: a folder, whose pictures come in natural order, or one image file
                  (``bytes``: its content);
                - any iterable, also an endless one, of pictures, each of them

                  - a path of an image file (``str`` or ``Path``),
                  - ``bytes``: the content of an image file,
                  - an array of two or three dimensions: a picture of any size, uint8 [H, W] grey,
                    [H, W, 3] red, green, blue (OpenCV has them the other way round: turn them
                    with ``[..., ::-1]``) or [H, W, 4] with alpha. It is preprocessed as a file
                    would be, by the model's own preprocessing,
                  - an array of one dimension: a row [H·W·C] in the model's own form, whole
                    numbers 0 to 255; nothing is done to it;

                - a pixel ``DataFrame``, or an array of two dimensions [N, H·W·C] by itself: rows
                  in the model's own form, whole numbers 0 to 255 of any type. The columns of a
                  DataFrame may stand in any order and are named ``pixel1`` …, ``pixel0`` …, or by
                  numbers from 0 or 1.

            model: name of the model, by default the client's own.

        Raises NoServer where no server helps, ScoringFailed where one does no longer, InvalidPixels
        that says which column or value of a table is wrong, BatchMissing or BatchUnreadable for a
        folder. All are ScoringErrors; results that were yielded before stay good. What an iterable
        raises itself is raised behind the results of what it gave before. Raises TypeError for what
        holds no pictures, and RuntimeError once the client is closed.
        """
        check_kind(pictures)
        signature = self.signature(model)
        source = PictureSource(signature, self.options, self._reading)
        with closing(source.chunks(pictures)) as chunks:
            yield from stream_results(self, signature, chunks, self._tries())

    def score_rows(
        self,
        signature: Signature,
        ids: Sequence[int],
        pixels: NDArray[np.uint8],
        request_id: str = "",
        tries: Tries | None = None,
    ) -> ScoredRows:
        """Score one block of rows that are in the model's form already.

        Args:
            signature: of the model, as ``signature`` returns it.
            ids: one a row; the server answers with them.
            pixels: uint8 [N, H·W·C]; halved and sent again where the server says 413.
            request_id: stands in the server's log.
            tries: who stops it and who hears of tries that failed.

        Raises ScoringFailed where no try helped.
        """
        poster = ChunkPoster(self._link, signature, tries or self._tries())
        predictions = poster.post(ids, pixels, request_id)
        return ScoredRows(predictions, poster.cost)

    def _tries(self) -> Tries:
        """Return the tries of one call; a program may have clients of several servers."""

        def tell(error: BaseException) -> None:
            log.warning("%s: %s; trying again", self.url, reason(error))

        return Tries(self.options, tell=tell)

    def _ask(self, question: Callable[[], Told], tries: Tries) -> Told:
        try:
            return tries.ask(
                question,
                lambda _: tries.stop.raise_if_requested(),
                lambda seconds: self._link.wait_for_one(seconds, tries.stop),
            )
        except Exception as error:
            if can_heal(error) or isinstance(error, HttpRefusal):
                raise NoServer(no_server(self.url, error)) from error
            raise


def no_server(url: str, error: BaseException) -> str:
    """Return what to do about a server that gave no answer, or none that helps."""
    if isinstance(error, HttpRefusal) and error.status == 401:
        return (
            f"the server at {url} wants a key or refused it ({reason(error)}); {HOW_TO_GIVE_A_KEY}"
        )
    text = f"no scoring server at {url} ({reason(error)})"
    return text if isinstance(error, HttpRefusal) else f"{text}; {HOW_TO_START}"


def _compression(options: ClientSettings, url: str) -> Compression:
    if options.compression == "auto":
        return None if is_loopback_url(url) else "zlib"
    return "zlib" if options.compression == "zlib" else None

"""Several servers as one: each chunk goes to the one that is free, and on to another if it fails.

A server that fails is left out and asked again by and by; no chunk waits for it. One that is late
keeps its chunk, but another that is free gets that chunk, too, and the first answer counts. Only
where none is left does a chunk fail, and then has the tries that it would have with one server;
whoever is well again before the next one has it at once.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from client.forked import begin_anew_when_forked
from client.pool_member import Chunk, Member
from client.retry_policy import can_heal, reason
from client.server_link import Answer, ServerLink
from client.stop_signal import StopSignal
from scoring.protocol.errors import (
    AnswerError,
    HttpRefusal,
    ModelNotServed,
    SettingsError,
)
from scoring.protocol.metadata import Readiness, ServedModel
from scoring.protocol.prediction import OtherVersion
from scoring.protocol.signature import Signature
from scoring.records.events_log import Level
from scoring.settings import ClientSettings

log = logging.getLogger("scoring.client")

# A look at a server asks for a kilobyte; who needs longer for it is of no use at present.
LOOK_SECONDS = 10.0
# Between two looks at a server that is left out: at first, at least, and how often twice as long.
FIRST_PAUSE, SHORTEST_PAUSE, MOST_DOUBLINGS = 1.0, 0.05, 16
# A chunk is late that takes so many times what chunks take, and so long at least: to score it twice
# must stay rare on a busy machine. Until any is answered nobody knows what they take.
LATE_TIMES, LATE_SECONDS, USUAL_SECONDS, TIMES_KEPT = 5.0, 2.0, 2.0, 32
LISTEN_SECONDS = 0.5
# What is wrong with a server, or with the way there; requests' own errors are OSErrors.
TROUBLE = (OSError, AnswerError, ModelNotServed, SettingsError)
# These refuse what was sent, whoever is asked.
REFUSES_THE_REQUEST = frozenset({400, 413, 415, 422})

# Hears of servers that are left out and come back: level, code, message.
Hear = Callable[[Level, str, str], None]
# Makes the way to the server at a URL, whose answers are waited for so many seconds.
MakeLink = Callable[[str, float], ServerLink]

Told = TypeVar("Told")


def log_news(level: Level, code: str, message: str) -> None:
    """Write to the log what a pool has to tell."""
    log.log(logging.getLevelNamesMapping()[level], "%s: %s", code, message)


class ServerPool:
    """Asks several servers as ``ServerLink`` asks one, with the same errors; threads share it.

    The servers' order tells whose model counts: of those that are well the first's. Others score
    only what they have the same version of.
    """

    def __init__(
        self,
        urls: Sequence[str],
        make: MakeLink,
        options: ClientSettings,
        hear: Hear = log_news,
    ) -> None:
        """Take the ways there; nothing is sent yet."""
        self._members = [
            Member(url, make(url, options.read_seconds), make(url, LOOK_SECONDS)) for url in urls
        ]
        self._options = options
        self._hear = hear
        self._seconds: deque[float] = deque([USUAL_SECONDS], TIMES_KEPT)
        self._closed = threading.Event()
        self._begin()
        begin_anew_when_forked(self)

    def _begin(self) -> None:
        self._changed = threading.Condition()
        self._looking = threading.Lock()
        self._has_begun = False
        self._waiting = 0

    def begin_anew(self) -> None:
        """In a process that was forked off: all is looked at again, nobody has a chunk in hand."""
        was_closed, self._closed = self._closed.is_set(), threading.Event()
        if was_closed:
            self._closed.set()
        self._begin()
        for member in self._members:
            member.under_way, member.is_late, member.has_carer = 0, False, False
            member.unfit_for.clear()

    def _say(self, level: Level, code: str, message: str) -> None:
        """Tell whoever hears of servers; what goes wrong there is no chunk's trouble."""
        try:
            self._hear(level, code, message)
        except Exception:
            log.exception("%s: %s; whoever was to hear of it failed", code, message)

    def close(self) -> None:
        """Close all connections, and ask nobody any more."""
        self._closed.set()
        for member in self._members:
            member.chunks.close()
            member.looks.close()

    @property
    def images(self) -> dict[str, int]:
        """Return how many images each server has scored, by its URL."""
        with self._changed:
            return {member.url: member.images for member in self._members}

    # Questions that the first one answers

    def check_identity(self) -> Readiness:
        """Return what the first server says of itself that is well."""
        return self._first(lambda member: member.looks.check_identity())

    def signature(self, name: str = "") -> Signature:
        """Return the signature of a model, as the first server has it that serves it."""
        return self._first(lambda member: member.looks.signature(name))

    def reference(self, signature: Signature) -> bytes:
        """Return what the model said of held-out images, of the first server that has it."""

        def ask(member: Member) -> bytes:
            if not member.serves(signature):
                raise ModelNotServed(f"the server at {member.url} {member.why_unfit(signature)}")
            return member.chunks.reference(signature)

        return self._first(ask)

    def _first(self, ask: Callable[[Member], Told]) -> Told:
        """Return the first answer; raises what most speaks for asking again where none helps.

        As long as one is well, nobody waits for those that are left out.
        """
        self._gather()
        errors: list[Exception] = []
        for member in sorted(self._well(), key=lambda one: one.is_late):
            try:
                return ask(member)
            except TROUBLE as error:
                if can_heal(error):
                    # Whoever waits for one that is well shall not find this one at once again.
                    self._leave_out(member, error, was_looked_at=True)
                errors.append(error)
        raise _most_hopeful(errors or self._troubles())

    # Chunks

    def predict(
        self, signature: Signature, ids: Sequence[int], pixels: NDArray[np.uint8], request_id: str
    ) -> Answer:
        """Score uint8 pixels [N, H·W·C] at whichever server is free; each is asked once at most.

        Raises what the last server did that failed, or what keeps the others from being asked.
        """
        self._gather()
        chunk = Chunk(
            signature, lambda member: member.chunks.predict(signature, ids, pixels, request_id)
        )
        while True:
            if not chunk.in_hand:
                self._send(chunk, self._take(signature, chunk.failed))
            try:
                member, outcome = chunk.outcomes.get(timeout=LISTEN_SECONDS)
            except Empty:
                if chunk.waited() > self._patience():
                    self._send_to_another(chunk, signature)
                continue
            chunk.in_hand.remove(member)
            if isinstance(outcome, Answer):
                with self._changed:
                    member.images += len(ids)
                return outcome
            if not _is_its_fault(outcome):
                raise outcome
            chunk.failed[member] = outcome

    def _send(self, chunk: Chunk, member: Member) -> None:
        """Have a chunk scored by a server that was taken; nobody is kept by one that hangs."""
        chunk.in_hand.append(member)
        chunk.sent = time.monotonic()
        name = f"asking {member.url}"
        threading.Thread(target=self._ask, args=(chunk, member), name=name, daemon=True).start()

    def _ask(self, chunk: Chunk, member: Member) -> None:
        began, outcome = time.monotonic(), chunk.ask(member)
        if isinstance(outcome, Answer):
            self._give_back(member, time.monotonic() - began)
        else:
            if isinstance(outcome, OtherVersion):
                self._find_unfit(member, chunk.signature, f": {outcome}")
            elif _is_its_fault(outcome):
                self._leave_out(member, outcome)
            self._give_back(member)
        chunk.outcomes.put((member, outcome))

    def _send_to_another(self, chunk: Chunk, signature: Signature) -> None:
        """Give a chunk that is late to another server, too, if one is free."""
        with self._changed:
            able = self._able(signature, [*chunk.failed, *chunk.in_hand])
            other = self._take_free([one for one in able if not one.is_late])
            if other is None:
                return
            late = [member for member in chunk.in_hand if not member.is_late]
            for member in late:
                member.is_late = True
        for member in late:
            text = (
                f"{member.url}: no answer for {chunk.waited():.0f} s; another gets its chunk, too"
            )
            self._say("WARNING", "server-late", f"{text}, and it gets no more until it answers")
        self._send(chunk, other)

    def _patience(self) -> float:
        """Return the seconds after which an answer is late."""
        with self._changed:
            return max(LATE_SECONDS, LATE_TIMES * float(np.median(self._seconds)))

    def _take(self, signature: Signature, failed: Mapping[Member, Exception]) -> Member:
        """Return the server with the least in hand, as soon as one is free; it counts as taken.

        Raises what keeps those from it that have not ``failed``, or what they did that have.
        """
        self._look_at_unfit(signature)
        with self._changed:
            while able := self._able(signature, failed):
                if member := self._take_free([one for one in able if not one.is_late] or able):
                    return member
                # Whoever gives one back, is left out or comes back says so.
                self._changed.wait()
        unfit = ModelNotServed(f"no server has {signature.name} {signature.version[:12]} any more")
        raise _most_hopeful([*failed.values(), *self._troubles()] or [unfit])

    def _take_free(self, able: Sequence[Member]) -> Member | None:
        free = [one for one in able if one.under_way < self._options.chunks_in_flight]
        if not free:
            return None
        member = min(free, key=lambda one: (one.under_way, one.images))
        member.under_way += 1
        return member

    def _able(self, signature: Signature, failed: Container[Member]) -> list[Member]:
        return [
            member
            for member in self._members
            if not member.trouble and member.serves(signature) and member not in failed
        ]

    def _give_back(self, member: Member, seconds: float | None = None) -> None:
        """Take back a server that answered within ``seconds``, or failed."""
        with self._changed:
            member.under_way -= 1
            member.is_late = False
            if seconds is not None:
                member.failures = 0
                self._seconds.append(seconds)
            self._changed.notify_all()

    def _look_at_unfit(self, signature: Signature) -> None:
        """Look once more at those that had not the model; tell of those that have it not."""
        with self._looking:
            for member in self._well():
                if member.serves(signature):
                    with self._changed:  # the other version is not asked for
                        member.unfit_for.pop(signature.name, None)
                    continue
                if member.is_unfit_for(signature):
                    continue
                if self._look(member) and not member.serves(signature):
                    self._find_unfit(member, signature, f" {member.why_unfit(signature)}")

    def _find_unfit(self, member: Member, signature: Signature, why: str) -> None:
        """Give a server no more chunks of a model, and have it asked whether it has that again."""
        with self._changed:
            if member.is_unfit_for(signature):
                return
            member.unfit_for[signature.name] = signature
            member.models = tuple(one for one in member.models if one.name != signature.name)
            self._changed.notify_all()
        text = f"{member.url}{why}; it scores none of these images until it serves that"
        self._say("WARNING", "server-unfit", text)
        self._care_for(member)

    # Who is well

    def wait_for_one(
        self, seconds: float, stop: StopSignal, signature: Signature | None = None
    ) -> bool:
        """Tell whether a server is well, that has the model, before so many seconds are over.

        A stop and the pool's end come before that. As long as somebody waits, those that were not
        ready are asked each second.
        """
        until = time.monotonic() + seconds
        with self._changed:
            self._waiting += 1
            try:
                while (left := until - time.monotonic()) > 0:
                    if stop.requested or self._closed.is_set():
                        break
                    if any(one.has(signature) for one in self._members if not one.trouble):
                        return True
                    self._changed.wait(min(left, LISTEN_SECONDS))
            finally:
                self._waiting -= 1
        return False

    def _well(self) -> list[Member]:
        with self._changed:
            return [member for member in self._members if not member.trouble]

    def _troubles(self) -> list[Exception]:
        with self._changed:
            return [member.trouble for member in self._members if member.trouble]

    def _gather(self) -> None:
        """Look at all at the beginning, and again where none is left; raises SettingsError."""
        with self._looking:
            if self._has_begun and self._well():
                return
            self._has_begun = True
            with ThreadPoolExecutor(len(self._members), thread_name_prefix="looking") as looking:
                list(looking.map(self._look, self._members))
        for trouble in self._troubles():
            if isinstance(trouble, SettingsError):
                raise trouble

    def _look(self, member: Member) -> bool:
        """Tell whether a server is well: ready, ours, and it takes our key."""
        try:
            models = member.looks.check_identity().models
            member.looks.signature()
        except TROUBLE as error:
            self._leave_out(member, error, was_looked_at=True)
            return False
        return self._take_in(member, models)

    def _take_in(self, member: Member, models: tuple[ServedModel, ...]) -> bool:
        with self._changed:
            if member.is_out_for_good:
                return False
            was_out, member.is_out = member.is_out, False
            fit = member.take_in(models)
            self._changed.notify_all()
        if was_out:
            gets = "" if member.unfit_for else " and gets chunks"
            self._say("INFO", "server-back", f"{member.url} is well again{gets}")
        for one in fit:
            text = f"{member.url} serves {one.name} {one.version[:12]} again and gets chunks"
            self._say("INFO", "server-back", text)
        return True

    def _leave_out(self, member: Member, error: Exception, was_looked_at: bool = False) -> None:
        """Give it no more chunks, and have somebody ask whether it is well again."""
        if self._closed.is_set():
            return
        with self._changed:
            if not member.is_out_for_good:
                member.trouble = error
            was_out, member.is_out = member.is_out, True
            # One that dies with several chunks in hand has failed once.
            member.failures += was_looked_at or not was_out
            member.was_looked_at = was_looked_at
            self._changed.notify_all()
        if not was_out:
            until = "the end of this run" if member.is_out_for_good else "it is well again"
            text = f"{member.url}: {reason(error)}; the others get its chunks until {until}"
            self._say("WARNING", "server-left-out", text)
        self._care_for(member)

    def _care_for(self, member: Member) -> None:
        with self._changed:
            needs_carer = member.needs_care and not member.has_carer
            member.has_carer = member.has_carer or needs_carer
        if needs_carer:
            name = f"caring for {member.url}"
            cared = (weakref.ref(self), self._closed, self._members.index(member))
            threading.Thread(target=_care, args=cared, name=name, daemon=True).start()

    def _needs_no_care(self, member: Member) -> bool:
        """Look at a server; tell whether it is of full use again, or lost for good."""
        try:
            self._look(member)
        except RuntimeError:
            if self._closed.is_set():
                return True
            with self._changed:
                member.has_carer = False
            raise
        with self._changed:
            # Whoever has it left out from now on finds that nobody cares for it.
            member.has_carer = member.needs_care
            return not member.has_carer

    def _pause(self, member: Member) -> float:
        """Return the seconds from one look to the next: twice as long each time, or as it asks for.

        Who was not ready is asked as often as ever where somebody waits for it, but not who was
        ready and failed: it would fail again as often.
        """
        options = self._options
        with self._changed:
            trouble, failures = member.trouble, member.failures
            is_waited_for = self._waiting > 0 and (member.was_looked_at or not trouble)
        longest = max(SHORTEST_PAUSE, options.retry_seconds)
        if is_waited_for:
            failures = 1
        elif not trouble:  # it has another version
            return longest
        if trouble and not can_heal(trouble):
            return longest
        told = (trouble.retry_after if isinstance(trouble, HttpRefusal) else None) or 0.0
        doubled: float = FIRST_PAUSE * 2 ** min(failures - 1, MOST_DOUBLINGS)
        return max(min(doubled, longest), min(told, options.max_retry_after_seconds))


def _care(pool_of: weakref.ref[ServerPool], closed: threading.Event, place: int) -> None:
    """Ask a server that is left out by and by, as long as that is needed and anybody has the pool.

    Between two looks nothing here keeps it, not even a member, whose trouble knows where it came
    up: a client that its program forgot to close is gone.
    """
    looked = time.monotonic()
    while pool := pool_of():
        left = looked + pool._pause(pool._members[place]) - time.monotonic()
        if left <= 0:
            if pool._needs_no_care(pool._members[place]):
                return
            looked, left = time.monotonic(), 0.0
        del pool
        # In short turns: somebody may come to wait for it meanwhile.
        if closed.wait(min(left, FIRST_PAUSE)):
            return


def _is_its_fault(error: Exception) -> bool:
    """Tell trouble of a server from a request that whoever is asked refuses, and from a bug."""
    refuses = isinstance(error, HttpRefusal) and error.status in REFUSES_THE_REQUEST
    return isinstance(error, TROUBLE) and not refuses


def _most_hopeful(errors: Sequence[Exception]) -> Exception:
    """Return an error that may heal by itself, or the first where none does."""
    chosen = next(filter(can_heal, errors), errors[0])
    # Many threads raise it, each with its own way down to it.
    return chosen.with_traceback(None)

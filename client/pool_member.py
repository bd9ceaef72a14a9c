"""The servers of a pool, and the chunks on their way to one of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import SimpleQueue

from msgspec import Struct, field

from client.server_link import Answer, ServerLink
from scoring.protocol.metadata import ServedModel
from scoring.protocol.prediction import BadResponse
from scoring.protocol.signature import Signature


class Member(Struct, eq=False):
    """One server of a pool; the pool's lock guards all of it but the ways there.

    Attributes:
        chunks: the way for its share of the work.
        looks: another, on which an answer is not waited for long.
        models: what it served when it was last looked at.
        trouble: why it gets no chunks; None: it is well.
        is_out: it was told that it is left out.
        was_looked_at: its trouble is what a look at it found, and no chunk's.
        has_carer: somebody asks it by and by whether it is well, and has what it should.
        is_late: it has a chunk in hand that was given to another, too.
        failures: how often it was left out, and looked at in vain, since its last answer.
        under_way: chunks that it has in hand.
        images: how many it has scored.
        unfit_for: models that it had not when it was last asked, by their names.
    """

    url: str
    chunks: ServerLink
    looks: ServerLink
    models: tuple[ServedModel, ...] = ()
    trouble: Exception | None = None
    is_out: bool = False
    was_looked_at: bool = False
    has_carer: bool = False
    is_late: bool = False
    failures: int = 0
    under_way: int = 0
    images: int = 0
    unfit_for: dict[str, Signature] = field(default_factory=dict)

    @property
    def is_out_for_good(self) -> bool:
        """Whether it gave an answer that does not fit its request; that is not forgotten."""
        return isinstance(self.trouble, BadResponse)

    @property
    def needs_care(self) -> bool:
        """Whether it may be of use, or of more use, by and by."""
        return bool(self.trouble or self.unfit_for) and not self.is_out_for_good

    def is_unfit_for(self, signature: Signature) -> bool:
        """Tell whether it is known that it has not the very model."""
        return self.unfit_for.get(signature.name) == signature

    def take_in(self, models: tuple[ServedModel, ...]) -> list[Signature]:
        """Take note that it is well; return the models that it had not, and has again."""
        self.models, self.trouble = models, None
        fit = [one for one in self.unfit_for.values() if self.serves(one)]
        for one in fit:
            del self.unfit_for[one.name]
        return fit

    def has(self, signature: Signature | None) -> bool:
        """Tell whether it has a model, or any where none is named."""
        return signature is None or self.serves(signature)

    def serves(self, signature: Signature) -> bool:
        """Tell whether it has the very model."""
        return ServedModel(signature.name, signature.version) in self.models

    def why_unfit(self, signature: Signature) -> str:
        """Return what it has in the place of a model."""
        versions = [one.version[:12] for one in self.models if one.name == signature.name]
        if not versions:
            return f"does not serve {signature.name}"
        return f"serves {signature.name} {versions[0]} and not {signature.version[:12]}"


class Chunk(Struct, eq=False):
    """One chunk of a model on its way to its answer; ``question`` asks a server for it.

    Attributes:
        sent: when it was last given to a server, on the monotonic clock.
        in_hand: who has it at present.
        failed: who had it, and what became of it there.
        outcomes: is filled by those who ask, each in a thread of its own.
    """

    signature: Signature
    question: Callable[[Member], Answer]
    sent: float = 0.0
    in_hand: list[Member] = field(default_factory=list)
    failed: dict[Member, Exception] = field(default_factory=dict)
    outcomes: SimpleQueue[tuple[Member, Answer | Exception]] = field(default_factory=SimpleQueue)

    def waited(self) -> float:
        """Return the seconds since it was last given to a server."""
        return time.monotonic() - self.sent

    def ask(self, member: Member) -> Answer | Exception:
        """Return a server's answer, or what came in its place."""
        try:
            return self.question(member)
        except Exception as error:
            return error

"""What a check finds: one line of its answer."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Verdict = Literal["OK", "WARN", "FAIL"]


class Finding(Struct, frozen=True):
    """One line of the answer: FAIL where tonight's run will not work."""

    verdict: Verdict
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.verdict:<5} {self.subject:<12} {self.text}"

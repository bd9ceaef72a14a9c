"""What a form or a script sent, field by field; a field that is missing or empty is None."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from flask import request
from msgspec import Struct

from scoring.protocol.errors import BadRequest


class Sent(Struct, frozen=True):
    """The fields of one request; ``is_script``: they came as JSON."""

    fields: Mapping[str, Any]
    is_script: bool

    @classmethod
    def now(cls) -> Sent:
        """Return what came with this request; raises BadRequest for JSON that is no object."""
        if not request.is_json:
            return cls(request.values, False)
        try:
            body = request.get_json()
        except RecursionError:  # brackets within brackets, thousands of them
            body = None
        if not isinstance(body, dict):
            raise BadRequest("send one JSON object")
        return cls(body, True)

    def text(self, name: str) -> str | None:
        """Return a text; raises BadRequest for anything else."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, str):
            raise BadRequest(f"{name} is to be a text")
        return value or None

    def number(self, name: str) -> float | None:
        """Return a number, which a form has as text; raises BadRequest for anything else."""
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise BadRequest(f"{name} is to be a number")
        return number

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts; raises BadRequest for anything else."""
        value = self.fields.get(name) or []
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise BadRequest(f"{name} is to be a list of texts")
        return tuple(value)

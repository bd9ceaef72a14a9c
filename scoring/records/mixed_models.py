"""Batches whose results come from more than one model: nothing in Results.csv tells them apart."""

from __future__ import annotations

from collections.abc import Mapping

from scoring.records.text import scoring_command


def tell_mixed(batch: str, images: Mapping[str, int], *way: str) -> str:
    """Return a line on a batch; ``images`` are how many each model answered for, by its name.

    ``batch`` is its printable name, ``way`` are the flags that lead a command to a server.
    """
    shares = " and ".join(f"{name} ({count})" for name, count in images.items())
    return (
        f"{batch} has answers of {shares}; the model of the settings scores all of it anew with: "
        + scoring_command(batch, *way)
    )

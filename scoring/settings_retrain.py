"""The table of the settings that says when a retrained model may take another's place."""

from __future__ import annotations

from pydantic import Field

from scoring.settings_tables import Section


class RetrainSettings(Section):
    """The gate: points are of 100, times are those of the model that serves."""

    automatic: bool = False
    held_out_least: int = Field(400, ge=50, le=10_000_000)
    loss_at_400: float = Field(1.5, ge=0, le=100)
    loss_at_3000: float = Field(0.5, ge=0, le=100)
    class_loss: float = Field(5.0, ge=0, le=100)
    reviewed_least: int = Field(20, ge=1, le=1_000_000)
    reviewed_chance: float = Field(0.05, gt=0, le=0.5)
    calibration_loss: float = Field(2.0, ge=0, le=100)
    flagged_more: float = Field(5.0, ge=0, le=100)
    slower: float = Field(1.5, ge=1, le=1_000)
    larger: float = Field(1.2, ge=1, le=1_000)

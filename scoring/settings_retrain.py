"""The table of the settings that says when a retrained model may take another's place."""

from typing import Annotated

from msgspec import Meta

from scoring.settings_section import Section
from scoring.settings_tables import Percent


class RetrainSettings(Section):
    """The gate: points are of 100, times are those of the model that serves."""

    automatic: bool = False
    held_out_least: Annotated[int, Meta(ge=50, le=10_000_000)] = 400
    loss_at_400: Percent = 1.5
    loss_at_3000: Percent = 0.5
    class_loss: Percent = 5.0
    reviewed_least: Annotated[int, Meta(ge=1, le=1_000_000)] = 20
    reviewed_chance: Annotated[float, Meta(gt=0, le=0.5)] = 0.05
    calibration_loss: Percent = 2.0
    flagged_more: Percent = 5.0
    slower: Annotated[float, Meta(ge=1, le=1_000)] = 1.5
    larger: Annotated[float, Meta(ge=1, le=1_000)] = 1.2

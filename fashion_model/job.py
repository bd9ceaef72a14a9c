"""What is trained: network, recipe, seed, and where its state is kept. No TensorFlow here."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path

from fashion_model.dataset.description import Architecture, Pretrained, Recipe, Teaching
from scoring.inference.bundle import SERVED_FILE
from scoring.protocol.signature import InputSpec

CPU_FLAGS = Path("/proc/cpuinfo")
STATE_FOLDER = Path("data/training")
AUTO = "auto"


@dataclass(frozen=True)
class Job:
    """What to train: network, recipe, seed, where to keep the state.

    ``start`` is a reference model (``model.keras``) whose weights are gone on from;
    ``teacher`` is a bundle to learn from beside the labels, as ``teaching`` says. ``held_out``
    says which images are not trained with, where that can be chosen.
    """

    spec: InputSpec
    classes: int
    architecture: Architecture | Pretrained
    recipe: Recipe
    seed: int
    precision: str
    state_file: Path
    start: Path | None = None
    teacher: Path | None = None
    teaching: Teaching | None = None
    held_out: str = ""

    @property
    def fingerprint(self) -> str:
        """Return what must be equal for a saved state to be continued; its length may change."""
        recipe = dataclasses.replace(self.recipe, steps=0)
        # What a table calls its columns is no matter of training.
        images = (self.spec.shape, self.spec.dtype, self.classes)
        plain = (*images, self.architecture, recipe, self.seed, self.precision, self.held_out)
        served = self.teacher / SERVED_FILE if self.teacher else None
        others = (self.teaching, _digest(self.start), _digest(served))
        return f"{plain} {others}"


def _digest(file: Path | None) -> str | None:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file else None


def precision_for(architecture: Architecture | Pretrained, chosen: str = AUTO) -> str:
    """Return Keras's policy to train with: the chosen one, else the fastest here."""
    if chosen != AUTO:
        return chosen
    # Filters of one channel each have no bfloat16 kernels: twice the processor's time (measured).
    return "float32" if isinstance(architecture, Pretrained) else best_precision()


def best_precision() -> str:
    """Return ``mixed_bfloat16`` where the processor multiplies it natively, else ``float32``."""
    flags = CPU_FLAGS.read_text() if CPU_FLAGS.is_file() else ""
    native = "avx512_bf16" in flags or "amx_bf16" in flags
    return "mixed_bfloat16" if native else "float32"

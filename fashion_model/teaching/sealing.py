"""Make a lesson a bundle: head, signature, card with pictures, report; whole or not at all."""

from __future__ import annotations

import glob
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import to_builtins
from msgspec.structs import asdict

from fashion_model.bundle_files import share_backbone, write_head
from fashion_model.calibrate import reference_entry, write_signature
from fashion_model.dataset.description import FROM_ZERO
from fashion_model.held_out import reference_of, with_reference
from fashion_model.teaching.card import model_card
from fashion_model.teaching.lesson import Lesson
from fashion_model.teaching.photographs import PREPROCESSING
from fashion_model.teaching.report import diagrams, report_page
from fashion_model.teaching.sources import STRANGE, CannotTeach
from scoring.inference.bundle import HEAD_FILE, SERVED_FILE, SIGNATURE_FILE, load_bundle
from scoring.inference.predictor import Predictor
from scoring.protocol.bundle_names import BACKBONES_FOLDER, bundle_name, is_backbones_folder
from scoring.protocol.reference import Reference
from scoring.protocol.signature import (
    FORMAT,
    REFERENCE_NAME,
    InputSpec,
    ReviewWords,
    Signature,
    seal,
)
from scoring.settings import CODE_ROOT

CARD_FILE, REPORT_FILE, PICTURES = "README.md", "report.html", "pictures"
# What a taught bundle consists of: a folder with anything else in it is not replaced.
OWN = {
    *(SIGNATURE_FILE, HEAD_FILE, SERVED_FILE, REFERENCE_NAME),
    *(CARD_FILE, REPORT_FILE, PICTURES),
}
LIBRARIES = ("ai-edge-litert", "numpy", "scikit-learn")
REVIEW = ReviewWords("low confidence", f"{STRANGE}?")


def require_free(out: Path, name: str) -> None:
    """Raise CannotTeach where a bundle called ``name`` cannot be put at ``out``.

    A bundle that was taught under that name before is replaced, and nothing else is.
    """
    if is_backbones_folder(out):
        raise CannotTeach(f"{out}: is where backbones lie; give --out another name")
    for beside in (CODE_ROOT / "fashion_model", *sorted(out.resolve().parent.glob("*"))):
        hidden = beside.name.startswith(".")  # left behind by a command that was killed
        if beside != out.resolve() and not hidden and bundle_name(beside) == name:
            raise CannotTeach(f"{beside}: is named {name!r} already; give --name another one")
    if not out.exists():
        _require_writable(out)
        return
    if not out.is_dir():
        raise CannotTeach(f"{out}: is a file; --out names a folder to be made")
    entries = {path.name for path in out.iterdir()}
    is_own = entries <= OWN and CARD_FILE in entries and bundle_name(out) == name
    if entries and not is_own:
        raise CannotTeach(
            f"{out}: holds something else than a bundle {name!r} that was taught;"
            " give --out a folder that is not there yet"
        )
    _require_writable(out)


def _require_writable(out: Path) -> None:
    """Raise CannotTeach where no folder can be made: that shows before the work, not after it."""
    home = next(folder for folder in out.resolve().parents if folder.exists())
    try:
        with TemporaryDirectory(prefix=".", dir=home):
            pass
    except OSError as error:
        raise CannotTeach(
            f"{out}: cannot be written: {home}: {error.strerror}; give --out another folder"
        ) from error


def seal_bundle(lesson: Lesson, name: str, out: Path, notes: Sequence[str]) -> Signature:
    """Write the bundle to ``out`` and return its signature; what was there stands until then.

    It is loaded and scores pictures before it takes its place.

    Raises:
        BundleError, SignatureError: it could not be served; nothing was changed.
        OSError: it cannot be written.
    """
    with _in_its_place(out) as part:
        _place_backbone(lesson, part)
        head = lesson.head
        write_head(part, head.kernel, head.bias, head.whitening, head.class_means, True)
        digests = {
            SERVED_FILE: lesson.backbone.digest,
            HEAD_FILE: hashlib.sha256((part / HEAD_FILE).read_bytes()).hexdigest(),
        }
        signature = with_reference(part, seal(_document(lesson, name, digests)), _held_out(lesson))
        write_signature(part, signature)
        Predictor(load_bundle(part), threads=1).close()
        for title, drawing in diagrams(lesson).items():
            _write(part / PICTURES / f"{title}.svg", drawing)
        _write(part / CARD_FILE, model_card(lesson, signature, notes))
        _write(part / REPORT_FILE, report_page(lesson, name, notes))
    return signature


@contextmanager
def _in_its_place(out: Path) -> Iterator[Path]:
    """Yield a folder beside ``out`` that takes its place when the block ends.

    Of a link, that of the folder it leads to: the link stays, and so does who else follows it.
    """
    out = out.resolve()
    token = secrets.token_hex(4)
    part, before = (out.with_name(f".{out.name}.{token}.{end}") for end in ("part", "old"))
    try:
        _clear_up(out)
        part.mkdir(parents=True)
        yield part
        if out.exists():
            os.replace(out, before)
        os.replace(part, out)
    except BaseException as error:
        if before.exists() and not out.exists():
            os.replace(before, out)
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, OSError) and _is_of(error, (part, out)):
            # A full disk names no file, and what a hidden one is called helps nobody.
            raise OSError(
                error.errno, f"cannot be written: {error.strerror or error}", str(out)
            ) from error
        raise
    shutil.rmtree(before, ignore_errors=True)


def _is_of(error: OSError, folders: Sequence[Path]) -> bool:
    """Tell whether an error names no file, or one in these folders, and so none that says more."""
    if error.filename is None:
        return True
    named = Path(str(error.filename))
    return any(named.is_relative_to(folder) for folder in folders)


def _clear_up(out: Path) -> None:
    """Put back and remove what commands left that were killed while a bundle took its place.

    What lists the bundles there does not see it: it is hidden.
    """
    parts, old = (out.parent.glob(f".{glob.escape(out.name)}.*.{end}") for end in ("part", "old"))
    for before in old:
        if out.exists():
            shutil.rmtree(before, ignore_errors=True)
        else:
            os.replace(before, out)
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)


def _place_backbone(lesson: Lesson, folder: Path) -> None:
    """Share the backbone where backbones lie beside the bundles; else the bundle has a copy.

    A tuned one is never shared: it has learnt these pictures, so that it would be preferred for
    them the next time, with figures that flatter.
    """
    shares = (folder.resolve().parent / BACKBONES_FOLDER).is_dir()
    if shares and lesson.tuning is None:
        share_backbone(folder, lesson.backbone.content)
    else:
        (folder / SERVED_FILE).write_bytes(lesson.backbone.content)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _held_out(lesson: Lesson) -> Reference:
    """Return what heads said of the pictures that they had not seen the like of."""
    return reference_of(
        lesson.classes,
        lesson.probabilities,
        lesson.scores,
        lesson.photographs.take(lesson.measured).statistics,
        lesson.thresholds,
        lesson.groups[lesson.measured],
    )


def _document(lesson: Lesson, name: str, digests: dict[str, str]) -> dict[str, Any]:
    photographs, backbone = lesson.photographs, lesson.backbone
    count = len(photographs.labels)
    return {
        "format": FORMAT,
        "name": name,
        "purpose": f"names which of {count} classes a photograph shows and says how sure it is",
        "note": f"taught from {len(photographs)} photographs; what they do not show it has not"
        " learnt",
        "labels": list(photographs.labels),
        "input": to_builtins(InputSpec(backbone.shape, "uint8", FROM_ZERO)),
        "preprocessing": asdict(PREPROCESSING),
        "temperature": lesson.temperature,
        "thresholds": asdict(lesson.thresholds),
        "review": asdict(REVIEW),
        "reference": reference_entry(
            lesson.probabilities, lesson.scores, photographs.take(lesson.measured).statistics
        ),
        "figures": lesson.figures(),
        "libraries": {library: version(library) for library in LIBRARIES},
        "created": datetime.now(UTC).date().isoformat(),
        "files": digests,
    }

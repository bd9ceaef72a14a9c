"""A shop of drawn garments, and a model of its own that learnt them: small, quick, and never sure.

Ten shapes of 28 pixels as the served network takes them. What tells neighbours apart (a sleeve's
length, a placket, a shaft) is drawn by chance, so that some pictures cannot be told, as in life.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.bundle_files import write_head
from fashion_model.calibrate import calibrate_bundle, fit_outlier_model, write_signature
from fashion_model.dataset.readers import LabelledImages
from fashion_model.dataset.split import Split
from fashion_model.kept_features import features_of_split, write_features
from fashion_model.linear_head import fit_scaled_head
from scoring.inference.bundle import (
    FEATURES_FILE,
    HEAD_FILE,
    SERVED_FILE,
    Bundle,
    load_bundle,
    read_signature,
)
from scoring.inference.predictor import Predictor
from tests.conftest import BUNDLE

Images = NDArray[np.uint8]
Random = np.random.Generator
LEARNT, CHOSEN_WITH, MEASURED = 2_000, 1_500, 800
# A canvas is drawn four times as large, and made small as a photograph would be.
SIDE, FINE = 28, 112
STRENGTH = 0.3


class _Canvas:
    def __init__(self, random: Random) -> None:
        self.pixels = np.zeros((FINE, FINE), np.uint8)
        self.random = random
        self.shade = int(random.integers(90, 235))
        self.middle = 56 + int(random.integers(-4, 5))

    def amount(self, mean: float, spread: float) -> int:
        return round(float(self.random.normal(mean, spread)))

    def shape(self, *corners: tuple[int, int], shade: int | None = None) -> None:
        """Fill a shape whose corners are told from the middle axis."""
        points = np.array([(self.middle + x, y) for x, y in corners], np.int32)
        cv2.fillPoly(self.pixels, [points], self.shade if shade is None else shade)

    def both(self, *corners: tuple[int, int]) -> None:
        self.shape(*corners)
        self.shape(*((-x, y) for x, y in corners))

    def darker(self) -> int:
        return max(0, self.shade - self.amount(60, 20))


def _top(canvas: _Canvas, sleeve: int, hem: int) -> None:
    wide = canvas.amount(22, 2)
    canvas.shape((-wide, 10), (wide, 10), (wide + canvas.amount(1, 2), hem), (-wide, hem))
    canvas.both((wide - 4, 10), (wide + 14, 10 + sleeve), (wide + 5, 14 + sleeve), (wide - 4, 30))


def _t_shirt(canvas: _Canvas) -> None:
    _top(canvas, canvas.amount(24, 6), canvas.amount(96, 4))


def _pullover(canvas: _Canvas) -> None:
    _top(canvas, canvas.amount(70, 9), canvas.amount(96, 4))


def _shirt(canvas: _Canvas) -> None:
    _top(canvas, canvas.amount(58, 14), canvas.amount(98, 4))
    half = canvas.amount(2, 0.7)
    canvas.shape((-half, 14), (half, 14), (half, 98), (-half, 98), shade=canvas.darker())


def _coat(canvas: _Canvas) -> None:
    _top(canvas, canvas.amount(74, 8), canvas.amount(106, 3))
    half = canvas.amount(4, 1)
    canvas.shape((-half, 12), (half, 12), (half, 106), (-half, 106), shade=canvas.darker())


def _dress(canvas: _Canvas) -> None:
    top, bottom = canvas.amount(12, 2), canvas.amount(27, 6)
    canvas.shape((-top, 6), (top, 6), (top, 46), (bottom, 108), (-bottom, 108), (-top, 46))


def _trouser(canvas: _Canvas) -> None:
    leg = canvas.amount(17, 3)
    canvas.both((0, 6), (leg, 6), (leg + 3, 108), (canvas.amount(6, 2), 108), (0, 34))


def _shoe(canvas: _Canvas, shaft: int) -> None:
    sole = canvas.amount(92, 4)
    canvas.shape((-46, sole), (-46, sole - shaft), (-14, sole - shaft), (2, sole - 26),
                 (44, sole - 16), (48, sole))  # fmt: skip


def _sneaker(canvas: _Canvas) -> None:
    _shoe(canvas, canvas.amount(38, 6))


def _ankle_boot(canvas: _Canvas) -> None:
    _shoe(canvas, canvas.amount(68, 9))


def _sandal(canvas: _Canvas) -> None:
    _shoe(canvas, canvas.amount(36, 6))
    for left in (-36, -18, 0, 18):
        wide = canvas.amount(9, 3)
        canvas.shape((left, 40), (left + wide, 40), (left + wide, 86), (left, 86), shade=0)


def _bag(canvas: _Canvas) -> None:
    wide, top = canvas.amount(40, 6), canvas.amount(50, 7)
    canvas.shape((-wide, top), (wide, top), (wide, 100), (-wide, 100))
    cv2.ellipse(canvas.pixels, (canvas.middle, top), (wide // 2, canvas.amount(24, 5)), 0, 180, 360,
                canvas.shade, 5)  # fmt: skip


# In the order of the served model's labels.
SHAPES: tuple[Callable[[_Canvas], None], ...] = (
    *(_t_shirt, _trouser, _pullover, _dress, _coat),
    *(_sandal, _shirt, _sneaker, _bag, _ankle_boot),
)


def garments(count: int, random: Random) -> LabelledImages:
    """Draw garments of all classes, [N, 28, 28, 1]."""
    labels = random.permutation(np.arange(count) % len(SHAPES)).astype(np.int64)
    images = np.stack([_garment(SHAPES[label], random) for label in labels])
    return LabelledImages(images[..., None], labels)


def _garment(shape: Callable[[_Canvas], None], random: Random) -> Images:
    canvas = _Canvas(random)
    shape(canvas)
    small = cv2.resize(canvas.pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
    woven = small * (1 + 0.12 * random.standard_normal(small.shape))
    return np.asarray(np.clip(woven, 0, 255), np.uint8)


def digits(count: int, random: Random) -> Images:
    """Draw numbers of one figure, light on dark, [N, 28, 28, 1]: nothing of the model's."""
    images = np.zeros((count, SIDE, SIDE, 1), np.uint8)
    for image in images:
        shade, place = int(random.integers(160, 255)), (int(random.integers(5, 9)), 23)
        text = str(int(random.integers(0, 10)))
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.8, shade, 2)
    return images


def write_bundle(folder: Path, random: Random) -> Bundle:
    """Teach the served network's head these garments, and calibrate it on others of them."""
    train, fit, measure = (garments(count, random) for count in (LEARNT, CHOSEN_WITH, MEASURED))
    split = Split(train, fit, measure)
    shipped = load_bundle(BUNDLE)
    folder.mkdir(parents=True)
    (folder / SERVED_FILE).write_bytes(shipped.model)
    (folder / HEAD_FILE).write_bytes((BUNDLE / HEAD_FILE).read_bytes())
    files = {name: shipped.signature.files[name] for name in (SERVED_FILE, HEAD_FILE)}
    write_signature(folder, shipped.signature.renewed(files=files, figures={}))
    _teach(folder, split.train)
    bundle = load_bundle(folder)
    _seal(folder, {FEATURES_FILE: write_features(features_of_split(bundle, split, 800), folder)})
    calibrate_bundle(load_bundle(folder), split)
    return load_bundle(folder)


def _teach(folder: Path, data: LabelledImages) -> None:
    bundle = load_bundle(folder)
    predictor = Predictor(bundle)
    features = predictor.features(data.rows)
    predictor.close()
    head = fit_scaled_head(features, data.labels, len(SHAPES), STRENGTH)
    write_head(folder, head.kernel, head.bias, *fit_outlier_model(bundle, data))
    _seal(folder, {HEAD_FILE: hashlib.sha256((folder / HEAD_FILE).read_bytes()).hexdigest()})


def _seal(folder: Path, changed: dict[str, str]) -> None:
    signature = read_signature(folder)
    write_signature(folder, signature.renewed(files={**signature.files, **changed}))

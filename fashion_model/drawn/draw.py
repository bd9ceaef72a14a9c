"""Draw a batch of product-like pictures, with their true classes beside it.

``python -m fashion_model.drawn.draw --out image_batches/G2 --seed 2``; the committed ``G1`` is what
it draws unasked: seed 1, a hundred pictures, light backgrounds.

The pictures are drawn, not photographed: outlines, seams and patterns from a seed, with no model
consulted. They show the whole path at work where no data set may be shipped.
"""

import argparse
import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fashion_model.drawn.bags import bag
from fashion_model.drawn.cloth import Palette
from fashion_model.drawn.sheet import Sheet
from fashion_model.drawn.shoes import ankle_boot, sandal, sneaker
from fashion_model.drawn.tops import coat, dress, pullover, shirt, t_shirt
from fashion_model.drawn.trousers import trouser
from fashion_model.flags import whole_number
from scoring.records.telling import telling_never_fails

Draw = Callable[[int, Palette, np.random.Generator], Sheet]

CLASSES: dict[str, Draw] = {
    "T-shirt/Top": t_shirt,
    "Trouser": trouser,
    "Pullover": pullover,
    "Dress": dress,
    "Coat": coat,
    "Sandal": sandal,
    "Shirt": shirt,
    "Sneaker": sneaker,
    "Bag": bag,
    "Ankle boot": ankle_boot,
}
"""The names are those of the labels that such a batch is compared with."""

_WITH_ALPHA = 4  # channels
_CUT_OUT_SHARE = 0.2  # of the small ones are transparent around the garment
_LARGEST_PNG = 360  # pixels; larger ones would weigh too much in a repository


@dataclass(frozen=True)
class Drawn:
    """One picture: file name, true class, and the encoded file."""

    name: str
    label: str
    data: bytes


@dataclass(frozen=True)
class Studio:
    """Where the pictures are taken: lightness of the background and of what lies on it."""

    palette: Palette
    background: tuple[float, float]
    margin: float


DARK = Studio(Palette(80, 215), background=(0, 6), margin=0.03)
LIGHT = Studio(Palette(15, 150), background=(236, 255), margin=0.25)
STUDIOS = {"dark": DARK, "light": LIGHT}


def draw_batch(seed: int, count: int, studio: Studio) -> Iterable[Drawn]:
    """Draw `count` pictures, the classes in turn, in an order that says nothing of the class."""
    rng = np.random.default_rng(seed)
    labels = [name for name, _ in zip(_in_turn(), range(count), strict=False)]
    digits = len(str(count))
    for number, place in enumerate(rng.permutation(count), start=1):
        label = labels[int(place)]
        picture = draw_picture(CLASSES[label], studio, rng)
        suffix, flags = _file_form(picture, rng)
        done, data = cv2.imencode(suffix, picture, flags)
        if not done:
            raise RuntimeError(f"OpenCV cannot encode {suffix}")
        yield Drawn(f"item-{number:0{digits}}{suffix}", label, data.tobytes())


def draw_picture(draw: Draw, studio: Studio, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw one garment; uint8 (height, width, 3) on a background, or with alpha and without."""
    longest = int(rng.integers(200, 640))
    sheet = draw(longest, studio.palette, rng)
    colour, cover = cropped(*sheet.finished())
    top, bottom, left, right = (round(longest * m) for m in rng.uniform(0.02, studio.margin, 4))
    sides = ((top, bottom), (left, right))
    cover, colour = np.pad(cover, sides), np.pad(colour, (*sides, (0, 0)))
    level = rng.uniform(*studio.background)
    if longest < _LARGEST_PNG and rng.random() < _CUT_OUT_SHARE:
        picture = np.dstack((colour, cover * 255))
    else:
        picture = level + (colour - level) * cover[:, :, None]
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


def write_batch(folder: Path, pictures: Iterable[Drawn]) -> None:
    """Write the files, and `<folder>.labels.csv` (Image, Label) beside the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = folder.with_name(folder.name + ".labels.csv")
    with labels.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("Image", "Label"))
        for picture in pictures:
            (folder / picture.name).write_bytes(picture.data)
            table.writerow((picture.name, picture.label))


@telling_never_fails()
def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the batch that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m fashion_model.drawn.draw", description=__doc__)
    parser.add_argument(
        "--seed", type=whole_number(0), default=1, help="the same seed, the same pictures"
    )
    parser.add_argument("--count", type=whole_number(1), default=100, help="how many (%(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="the batch's folder")
    parser.add_argument("--background", choices=STUDIOS, default="light", help="(%(default)s)")
    chosen = parser.parse_args(arguments)
    if chosen.out.exists():
        parser.error(f"--out {chosen.out}: is there already")
    try:
        write_batch(chosen.out, draw_batch(chosen.seed, chosen.count, STUDIOS[chosen.background]))
    except OSError as error:
        parser.exit(1, f"error: {error}\n")


def _in_turn() -> Iterable[str]:
    while True:
        yield from CLASSES


def cropped(
    colour: NDArray[np.float32], cover: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Keep the rectangle that has something on it."""
    rows, columns = (np.flatnonzero(cover.max(axis) > 0.02) for axis in (1, 0))
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return colour[window], cover[window]


def _file_form(picture: NDArray[np.uint8], rng: np.random.Generator) -> tuple[str, list[int]]:
    """Choose PNG for the smaller pictures and JPEG for the larger ones."""
    if picture.shape[2] == _WITH_ALPHA or max(picture.shape) < _LARGEST_PNG:
        return ".png", [cv2.IMWRITE_PNG_COMPRESSION, 9]
    return ".jpg", [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(75, 93))]


if __name__ == "__main__":
    main()

"""What a program hands in → chunks of rows in the model's form, read while others are scored."""

from __future__ import annotations

import logging
import math
import os
import sys
from collections import deque
from collections.abc import Generator, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, TypeVar, cast

import cv2
import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from client.results import Chunk
from client.tables import array_pixels, check_filled, frame_pixels, row_pixels
from scoring.batches.decode_budget import DecodeBudget
from scoring.batches.image_folder import ImageList, list_images
from scoring.batches.image_reader import ImageReader, ImageRow, Step
from scoring.batches.in_flight import InFlight
from scoring.batches.read_ahead import ReadAhead, chunks_of, rows_of_chunk, threads_of
from scoring.batches.suspects import Suspects
from scoring.preprocessing.decode import DecodeLimits
from scoring.preprocessing.errors import TooManyPixels
from scoring.preprocessing.registry import find_for
from scoring.protocol.errors import BatchMissing, InvalidPixels
from scoring.protocol.signature import Signature
from scoring.records.regular_file import open_regular
from scoring.records.text import printable
from scoring.settings import MOST_BYTES, BatchesSettings, ClientSettings

if TYPE_CHECKING:
    import pandas as pd

Picture: TypeAlias = str | os.PathLike[str] | bytes | NDArray[Any]
Pictures: TypeAlias = (
    "pd.DataFrame | NDArray[Any] | str | os.PathLike[str] | bytes | Iterable[Picture]"
)

Chunks: TypeAlias = Generator[Chunk, None, None]
Item = TypeVar("Item")

# Pictures that wait to be read are held up to so many bytes a chunk, whatever their number.
HELD_BYTES = 16_000_000
WHAT_THERE_IS = "a path, the bytes of an image file, or an array"
WHAT_IS_TAKEN = (
    "hand in a folder or an image file (str, Path), the bytes of an image file, an iterable of"
    " paths, bytes and arrays, a DataFrame, or an array of rows"
)
# A path has it hardly ever: this is said only where there is no such file.
A_URL = "://"
NOTHING_IS_FETCHED = "nothing is fetched from a URL; hand in what is there, as bytes"
log = logging.getLogger("scoring.client")

# OpenCV's order for the channels that a picture has.
TO_BGR = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}


class PictureSource(Struct, frozen=True):
    """Reads pictures as one model wants them, by the limits of the settings."""

    signature: Signature
    options: ClientSettings
    rules: BatchesSettings

    def chunks(self, pictures: Pictures) -> Chunks:
        """Yield what the caller handed in, chunk by chunk and in order.

        Raises InvalidPixels for a table, BatchMissing or BatchUnreadable for a folder that cannot
        be used; of all else a picture that is wrong is a row with its error.
        """
        spec = self.signature.input
        if is_frame(pictures):
            return self._table(pictures.index.tolist(), frame_pixels(pictures, spec))
        if isinstance(pictures, np.ndarray):
            return self._table(range(len(pictures)), array_pixels(pictures, spec))
        if isinstance(pictures, str | os.PathLike):
            return self._path(pictures)
        if isinstance(pictures, bytes | bytearray | memoryview):
            return self._held([bytes(pictures)])
        return self._held(cast("Iterable[Picture]", pictures))

    def _table(self, ids: Sequence[Hashable], pixels: NDArray[np.uint8]) -> Chunks:
        most = self._rows
        for start in range(0, len(pixels), most):
            block = pixels[start : start + most]
            rows = [ImageRow(num, "", pixels=row) for num, row in enumerate(block, start=start + 1)]
            yield Chunk(ids[start : start + most], rows)

    def _path(self, given: str | os.PathLike[str]) -> Chunks:
        path = Path(os.fsdecode(given))
        try:
            is_file, is_folder = path.is_file(), path.is_dir()
        except OSError as error:  # a name that is too long, a folder that one may not look into
            raise BatchMissing(f"{printable(str(path))}: {error.strerror}") from error
        if is_file:
            return self._held([path])
        if not is_folder:
            raise BatchMissing(_nothing_to_read(path, os.fsdecode(given)))
        names = list_images(path, self.rules)
        _tell_left_out(path, names)
        reader = ImageReader(folder=fixed(path), **self._reading)
        return self._read(reader, ((part, part) for part in chunks_of(names, self._rows)))

    def _held(self, pictures: Iterable[Picture]) -> Chunks:
        length = self.signature.input.row_length
        reader = HeldReader(folder="", row_length=length, **self._reading)
        raised: list[Exception] = []
        given = until_raised(pictures, raised)
        yield from self._read(reader, _in_chunks(given, self._rows, self.options.max_image_pixels))
        if raised:
            raise raised.pop()

    def _read(
        self, reader: ImageReader, parts: Iterable[tuple[Sequence[Hashable], Sequence[Any]]]
    ) -> Chunks:
        waiting: deque[Sequence[Hashable]] = deque()

        def files() -> Iterator[Sequence[Any]]:
            for ids, held in parts:
                waiting.append(ids)
                yield held

        threads = threads_of(self.options)
        try:
            with ReadAhead(files(), reader, threads=threads) as chunks:
                for rows in chunks:
                    yield Chunk(waiting.popleft(), rows)
        finally:
            reader.in_flight.close()

    @property
    def _rows(self) -> int:
        return rows_of_chunk(self.options, self.signature.input.row_length)

    @property
    def _reading(self) -> dict[str, Any]:
        """Return what every reader has: no ledger knows these pictures."""
        budget = DecodeBudget(self.rules.decoded_bytes)
        return {
            "batch": "",
            "preprocess": find_for(self.signature.preprocessing, self.signature.input),
            "shape": self.signature.input.shape,
            "limits": budget.limits(self.options),
            "budget": budget,
            "find_known": lambda path, content_hash: None,
            "in_flight": InFlight(None, 1),
            "suspects": Suspects({}),
            "file_seconds": self.rules.file_seconds,
        }


class HeldReader(ImageReader, frozen=True, kw_only=True):
    """Reads files wherever they lie, and pictures that the caller holds."""

    row_length: int

    def _shown(self, num: int, file: Any) -> str:
        is_path = isinstance(file, str | os.PathLike)
        return printable(os.fsdecode(file)) if is_path else f"picture {num - 1}"

    def _open(self, file: str) -> tuple[int, os.stat_result]:
        """A link that somebody names is meant; what else lies in its folder is not looked at."""
        try:
            return open_regular(os.path.realpath(file))
        except ValueError as error:
            raise OSError(str(error)) from error
        except FileNotFoundError as error:
            if A_URL in file:
                raise OSError(NOTHING_IS_FETCHED) from error
            raise

    def _fill(self, row: ImageRow, file: Any, step: Step) -> None:
        if isinstance(file, str | os.PathLike):
            super()._fill(row, os.fsdecode(file), step)
        elif isinstance(file, np.ndarray) and file.ndim == 1:
            row.pixels = row_pixels(file, self.row_length)
        elif isinstance(file, np.ndarray):
            # Not packed, it may have more bytes than any file should.
            unbounded = replace(self, limits=replace(self.limits, max_bytes=MOST_BYTES))
            unbounded._see(row, encoded(file, self.limits), step)
        elif isinstance(file, bytes | bytearray | memoryview):
            self._see(row, bytes(file), step)
        else:
            raise InvalidPixels(f"a picture is {WHAT_THERE_IS}, not {type(file).__name__}")


def encoded(picture: NDArray[Any], limits: DecodeLimits) -> bytes:
    """Return a picture as the lossless file that it could have come from.

    picture: uint8 [H, W] or [H, W, 1] grey, [H, W, 3] in the order R, G, B, or [H, W, 4] with
    alpha. Raises InvalidPixels for any other, TooManyPixels.
    """
    channels = picture.shape[2] if picture.ndim == 3 else 1
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise InvalidPixels(
            "a picture is uint8 [H, W], [H, W, 3] (red, green, blue) or [H, W, 4], not"
            f" {picture.dtype} {list(picture.shape)}"
        )
    height, width = picture.shape[:2]
    if not height or not width:
        raise InvalidPixels(f"a picture has pixels, this one is {list(picture.shape)}")
    if height * width > limits.max_pixels:
        raise TooManyPixels(width, height, limits.max_pixels)
    check_filled(picture)
    plane = np.ascontiguousarray(picture)
    image = cv2.cvtColor(plane, TO_BGR[channels]) if channels in TO_BGR else plane
    # Not packed: it is unpacked again at once.
    _, file = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 0])
    return file.tobytes()


def fixed(path: str | os.PathLike[str]) -> str:
    """Return a path that stays where it is when the program goes to another folder meanwhile."""
    name = os.fsdecode(path)
    try:
        # Not normalised: behind a link ".." is another folder.
        return name if os.path.isabs(name) else os.path.join(os.getcwd(), name)
    except OSError:  # that folder is gone, and what was in it
        return name


def is_frame(pictures: object) -> TypeGuard[pd.DataFrame]:
    """Tell whether it is a DataFrame; whoever has one has loaded pandas, which takes 0.2 s."""
    return isinstance(pictures, getattr(sys.modules.get("pandas"), "DataFrame", ()))


def check_kind(pictures: object) -> None:
    """Raise TypeError for what holds no pictures, BatchMissing for a path without characters."""
    if isinstance(pictures, str | os.PathLike):
        if not os.fspath(pictures):
            raise BatchMissing("the path of the pictures is empty; '.' is the current folder")
        return
    kind = type(pictures).__name__
    if hasattr(pictures, "readline"):
        raise TypeError(f"an open file ({kind}) is not read here; hand in its path or its read()")
    try:
        iter(pictures)  # type: ignore[call-overload]
    except TypeError:
        raise TypeError(f"no pictures can be had from {kind}; {WHAT_IS_TAKEN}") from None


def until_raised(items: Iterable[Item], raised: list[Exception]) -> Iterator[Item]:
    """Yield all up to an error, which goes into ``raised``: none before it shall be lost by it."""
    try:
        for item in items:  # noqa: UP028 (a generator of the caller's would be closed with ours)
            yield item
    except Exception as error:
        raised.append(error)


def _nothing_to_read(path: Path, given: str) -> str:
    """Return what is wrong with a path that is neither a file nor a folder."""
    if A_URL in given:
        return f"{printable(given)}: {NOTHING_IS_FETCHED}"
    if path.exists():  # a pipe, a device
        return f"{printable(str(path))} is neither an image file nor a folder"
    return f"there is no file or folder {printable(str(path))}"


def _tell_left_out(folder: Path, names: ImageList) -> None:
    left_out = names.left_out
    if left_out.kinds:
        log.warning("%s: not images: %s", folder, left_out.tell_kinds())
    unreadable = left_out.tell_unreadable()
    if unreadable:
        log.warning("%s: cannot be read: %s", folder, unreadable)


def _in_chunks(
    pictures: Iterable[Picture], rows: int, most_pixels: int
) -> Iterator[tuple[list[Hashable], list[Picture]]]:
    """Yield pictures with what they go by; as many as a chunk has, or as memory should hold."""
    ids: list[Hashable] = []
    held: list[Picture] = []
    size = 0
    for place, picture in enumerate(pictures):
        ids.append(os.fsdecode(picture) if isinstance(picture, str | os.PathLike) else place)
        held.append(_own(picture, most_pixels))
        size += _held_bytes(picture)
        if len(held) == rows or size >= HELD_BYTES:
            yield ids, held
            ids, held, size = [], [], 0
    if held:
        yield ids, held


def _own(picture: Any, most_pixels: int) -> Any:
    """Return a picture that stays as it is: the caller may fill the same array with the next.

    An array of more pixels than a picture may have is refused anyway, and not copied before.
    """
    if isinstance(picture, bytearray | memoryview):
        return bytes(picture)
    if isinstance(picture, str | os.PathLike):
        return fixed(picture)
    if isinstance(picture, np.ndarray) and math.prod(picture.shape[:2]) <= most_pixels:
        return picture.copy()
    return picture


def _held_bytes(picture: Any) -> int:
    if isinstance(picture, bytes | bytearray):
        return len(picture)
    return picture.nbytes if isinstance(picture, np.ndarray | memoryview) else 0

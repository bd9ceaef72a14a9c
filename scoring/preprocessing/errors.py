"""Say what is wrong with an image file, in one line that also says what to do.

DecodeError
├── EmptyFile         no bytes, or none that is not zero
├── FileTooLarge      more bytes than the limit
├── UnknownFormat     no image by content
├── UnsupportedFormat an image of a kind that is not read
├── TooMuchWork       more parts than the files of any program have
├── TooManyPixels     the header announces more pixels than the limit
├── TruncatedImage    the file ends before the picture does
├── CorruptImage      the content contradicts itself or its checksums
└── UnsupportedPixels a sample type no photograph has (floating point)
"""

from scoring.protocol.errors import ScoringError


class DecodeError(ScoringError):
    """An image cannot be read. `code` is stable and short; str() is one clear line."""

    code = "undecodable_image"


class EmptyFile(DecodeError):
    code = "empty_file"

    def __init__(self, zeros: int = 0) -> None:
        what = f"{zeros:,} bytes, all of them zero" if zeros else "0 bytes"
        super().__init__(f"the file is empty ({what}): copy it again")


class FileTooLarge(DecodeError):
    code = "file_too_large"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"the file has {size:,} bytes, the limit is {limit:,}: shrink it or raise the limit"
        )


class UnknownFormat(DecodeError):
    code = "unknown_format"

    def __init__(self) -> None:
        super().__init__("the content is no image of a known kind: save it again as png or jpeg")


class UnsupportedFormat(DecodeError):
    code = "unsupported_format"

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"images of the kind {kind} are not read: open it with the program it is from "
            "and save it as png or jpeg"
        )


class TooMuchWork(DecodeError):
    code = "too_much_work"

    def __init__(self, what: str) -> None:
        super().__init__(f"reading it might take too long ({what}): save it again as png or jpeg")


class TooManyPixels(DecodeError):
    code = "too_many_pixels"

    def __init__(self, width: int, height: int, limit: int) -> None:
        super().__init__(
            f"the header announces {width} x {height} pixels, the limit is {limit:,}: "
            "shrink it or raise the limit"
        )


class TruncatedImage(DecodeError):
    code = "truncated_image"

    def __init__(self, what: str) -> None:
        super().__init__(f"the file is cut off ({what}): copy it again")


class CorruptImage(DecodeError):
    code = "corrupt_image"

    def __init__(self, what: str) -> None:
        super().__init__(f"the file is damaged ({what}): copy or save it again")


class UnsupportedPixels(DecodeError):
    code = "unsupported_pixels"

    def __init__(self, dtype: str) -> None:
        super().__init__(f"pixels of type {dtype} are not supported: save it as 8-bit png or jpeg")

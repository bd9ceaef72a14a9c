"""Errors that more than one program knows, and how they leave: exit codes and JSON.

The whole tree, wherever its classes stand; the two families whose names end in … are drawn where
they live (scoring/inference/bundle.py, scoring/preprocessing/errors.py).

ScoringError                    exit 1
├── SettingsError               exit 2  a key, a value or a flag is wrong
├── UsageError                  exit 2  the command line asks for nothing that can be done
│   ├── MissingPackages                 training was asked for where its packages are not there
│   ├── ClusterPackagesMissing          several machines were, and Ray is not there
│   ├── OtherRun                        --out of a cluster has what another model or folder made
│   ├── CannotTeach                     pictures or classes that no model can be taught from
│   └── DataError                       a data set, network or state that cannot be learnt from
│       └── DownloadFailed  exit 1      the network or the other side, and not what was named
├── BatchMissing                exit 4  no such folder of images
├── BatchUnreadable             exit 1  a folder of images that is there, but cannot be read
├── NoServer                    exit 5  nobody answers, or a stranger does
│   └── ModelNotServed                  the server has not the model that is asked for
├── Busy                        exit 6  another run holds the lock
├── NoParent                    exit 1  a child's flag without a parent behind it
│   └── NotNeeded               exit 0  a client that was loaded for a server that did not come up
├── Interrupted                 exit 3  the run was stopped and can be resumed
├── ScoringFailed               exit 1  the run cannot go on
├── ClusterFailed               exit 1  the nodes came to no end; what they finished is kept
├── LedgerError                 exit 1  the ledger is locked, cannot be written or is too new
│   ├── LedgerDamaged                   it is broken or lost; it can be set aside and restored
│   ├── LedgerNewer                     a newer version of this software has upgraded it
│   ├── LedgerMissing                   there is none yet, and only a look at it was asked for
│   └── LedgerOutdated                  the same, of one that the next run upgrades
├── ReviewRefused               exit 1  what a person said cannot be written down as it is
│   ├── ReviewConflict                  somebody has decided meanwhile
│   ├── UnknownPicture                  no run has scored it
│   ├── SeveralPictures                 it lies in several places, and none was named
│   └── UnknownLabel                    its model has no such label
├── ResultsHeld                 exit 1  another program has Results.csv open
├── PicturesError               exit 1  the store of pictures cannot be used; never a run's trouble
│   └── PicturesDamaged                 it is broken; it can be set aside and begun anew
├── AnswerError                 exit 1  what came back over HTTP gives no prediction
│   ├── HttpRefusal                     an error status
│   ├── BrokenAnswer                    it broke off, or does not end
│   ├── BadResponse                     it does not fit the request
│   │   └── OtherVersion                or another version of the model gave it
│   └── StrangerOnPort                  who answers has not shown that he is the session's server
│       └── ForeignAnswer               or that he is a scoring server at all
├── SignatureError              exit 1  a bundle's signature.json says what cannot be
├── BundleError …               exit 1  a model cannot be served
├── BadReference                exit 1  what a model was tested with cannot be read
├── GateRefused                 exit 1  a retrained model is not to serve
├── UnknownPreprocessing        exit 1  the model wants steps that this code does not have
├── PreprocessingMismatch       exit 1  its steps make other images than the model takes
├── DecodeError …               exit 1  an image cannot be read; it becomes a row with its error
└── ApiError                            what the server refuses, as JSON with a status
    ├── BadRequest              400
    ├── Unauthorized            401
    ├── Forbidden               403
    ├── NotFound                404
    ├── Conflict                409
    ├── TooLarge                413
    ├── UnsupportedMedia        415
    ├── InvalidPixels           422
    ├── NoSuchLabel             422
    ├── UnreadablePicture       422
    ├── TooManyTries            429
    └── Unavailable             503
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar


class ExitCode(IntEnum):
    """What every command returns to the shell."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    BATCH_MISSING = 4
    NO_SERVER = 5
    BUSY = 6


# Statuses that may heal by themselves; any other refusal is final for the same request.
RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})


class ScoringError(Exception):
    """Base of every error this software raises on purpose; its text says what to do."""

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process as it is: Python makes it anew there of its text alone, and a pool
        of processes breaks where ``__init__`` wants something else.
        """
        return _as_it_was, (type(self), self.args, self.__dict__)


def _as_it_was(kind: type[ScoringError], texts: tuple[Any, ...], more: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *texts)
    error.__dict__.update(more)
    return error


class SettingsError(ScoringError):
    code = "settings"
    exit_code = ExitCode.USAGE


class UsageError(ScoringError):
    code = "usage"
    exit_code = ExitCode.USAGE


class BatchMissing(ScoringError):
    code = "batch-missing"
    exit_code = ExitCode.BATCH_MISSING


class BatchUnreadable(ScoringError):
    code = "batch-unreadable"


class NoServer(ScoringError):
    code = "no-server"
    exit_code = ExitCode.NO_SERVER


class ModelNotServed(NoServer):
    code = "unknown-model"


class Busy(ScoringError):
    code = "busy"
    exit_code = ExitCode.BUSY


class LedgerError(ScoringError):
    code = "ledger"


class LedgerDamaged(LedgerError):
    code = "ledger-damaged"


class LedgerNewer(LedgerError):
    """A program that was started before the software was updated, or one that is too old."""


class LedgerMissing(LedgerError):
    code = "ledger-missing"


class LedgerOutdated(LedgerError):
    code = "ledger-outdated"


class PicturesError(ScoringError):
    code = "pictures"


class PicturesDamaged(PicturesError):
    code = "pictures-damaged"


class AnswerError(ScoringError):
    """What came back over HTTP gives no prediction."""

    code = "bad-answer"


class HttpRefusal(AnswerError):
    """The server answered with an error status; ``retry_after`` is in seconds."""

    code = "refused"

    def __init__(self, status: int, message: str, retry_after: float | None) -> None:
        super().__init__(f"the server answered {status}: {message}")
        self.status = status
        self.retry_after = retry_after


class BrokenAnswer(AnswerError):
    """The answer broke off or does not end; asking again may heal it."""

    code = "broken-answer"


class StrangerOnPort(AnswerError):
    """Who answers has not shown that he is the server of this session."""

    code = "stranger"


class ApiError(ScoringError):
    """A refusal with an HTTP status; ``limit`` names the number that was passed, if any."""

    status: int = 500
    code = "internal"

    def __init__(self, message: str, *, code: str | None = None, limit: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.wire_code = code or self.code
        self.limit = limit

    def as_json(self) -> dict[str, Any]:
        """Return the body: ``{"error": {"code", "message", "limit"}}``."""
        body: dict[str, Any] = {"code": self.wire_code, "message": self.message}
        if self.limit is not None:
            body["limit"] = self.limit
        return {"error": body}


class BadRequest(ApiError):
    status = 400
    code = "bad_request"


class Unauthorized(ApiError):
    status = 401
    code = "unauthorized"


class Forbidden(ApiError):
    """What another site may have sent, or was sent to a host that this is not."""

    status = 403
    code = "forbidden"


class NotFound(ApiError):
    status = 404
    code = "not_found"


class TooLarge(ApiError):
    status = 413
    code = "too_large"


class UnsupportedMedia(ApiError):
    status = 415
    code = "unsupported_media_type"


class InvalidPixels(ApiError):
    status = 422
    code = "invalid_pixels"


class Conflict(ApiError):
    """Somebody has said otherwise; ``standing`` is what he said, if that is known."""

    status = 409
    code = "review_conflict"

    def __init__(
        self, message: str, *, code: str | None = None, standing: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.standing = standing

    def as_json(self) -> dict[str, Any]:
        """Return the body with ``standing`` beside the code."""
        body = super().as_json()
        if self.standing:
            body["error"]["standing"] = self.standing
        return body


class NoSuchLabel(ApiError):
    status = 422
    code = "unknown_label"


class TooManyTries(ApiError):
    """Wrong keys came too fast; ``retry_after`` is in seconds."""

    status = 429
    code = "too_many_tries"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many wrong keys; try again in {retry_after} s")
        self.retry_after = retry_after


class Unavailable(ApiError):
    status = 503
    code = "unavailable"

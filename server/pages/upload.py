"""The upload page's own requests: its pictures, the key where the server wants one, its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from scoring.protocol.errors import (
    ApiError,
    Forbidden,
    NotFound,
    TooLarge,
    TooManyTries,
    Unauthorized,
    UnsupportedMedia,
)
from scoring.protocol.frame_codec import too_many_rows
from scoring.protocol.same_origin import sender
from scoring.records.results_csv import CsvFormat
from scoring.settings import Settings
from server.dialects.openapi_parts import ALWAYS, PREDICTING, Errors, operation
from server.dialects.pictures import read_each
from server.dialects.upload_form import FILE, MEDIA_TYPES, TICKED, Upload, read_upload
from server.handler import Handler
from server.memory import MemoryBudget, Share
from server.metrics import Metrics
from server.pages.entrance import LOGIN, UPLOAD, Entrance
from server.pages.results import Seen, Shown, as_csv, by_picture, data_address, seen_by
from server.pages.serving import send_file
from server.pages.upload_page import MANNERS, MOST_PICTURES, Page, render
from server.request_body import read_body, reading
from server.responses import respond
from server.submissions import Submissions

FILES = Path(__file__).parent / "upload_files"
CONTENT_TYPES = {
    "upload.css": "text/css; charset=utf-8",
    "upload.js": "text/javascript; charset=utf-8",
}
OPEN_PATHS = frozenset({f"{UPLOAD}/{name}" for name in CONTENT_TYPES})
KEY = "key"
CSV = "text/csv;charset=utf-8"
# What a picture and its bars are in HTML, without what the model saw.
ROW_BYTES = 8_192


class UploadPage:
    """The page of one server."""

    def __init__(
        self,
        handler: Handler,
        settings: Settings,
        memory: MemoryBudget,
        metrics: Metrics,
        entrance: Entrance,
    ) -> None:
        self._handler = handler
        self._settings = settings
        self._memory = memory
        self._metrics = metrics
        self._entrance = entrance
        self._submissions = Submissions(settings)

    def front(self) -> Response:
        """Return the page as a browser sees it first."""
        return respond(render(self._page()))

    def score(self) -> Response:
        """Return the page with what the models made of the pictures that were sent."""
        _check_sender()
        length = request.content_length or 0
        with self._handler.working(), self._memory.share(length) as share:
            body = read_body(self._settings.server, MEDIA_TYPES, share)
            share.take(len(body))
            upload = read_upload(body, request.headers.get("Content-Type", ""), MOST_PICTURES)
            del body
            shown = self._shown(upload, share)
        return respond(render(self._page(upload.models, shown)))

    def enter(self) -> BaseResponse:
        """Look at the key that was typed; the browser is given a cookie for the right one."""
        _check_sender()
        if self._entrance.admits(request.headers):
            return _to_page()
        with reading():
            given = request.form.get(KEY, "").strip()
        try:
            self._entrance.try_key(given, request.remote_addr or "")
        except TooManyTries as error:
            response = self._refused(error)
            response.headers["Retry-After"] = str(error.retry_after)
            return response
        except Unauthorized as error:
            return self._refused(error)
        answer = _to_page()
        answer.set_cookie(
            self._entrance.cookie_name,
            self._entrance.cookie(),
            path=f"{request.script_root}/",
            secure=request.is_secure,
            httponly=True,
            samesite="Strict",
        )
        return answer

    def _refused(self, error: ApiError) -> Response:
        return respond(render(self._page(trouble=f"{error.message}."), error.status))

    def _page(
        self, ticked: Sequence[str] = (), shown: Sequence[Shown] = (), trouble: str = ""
    ) -> Page:
        wants_key = not self._entrance.admits(request.headers) and not shown
        if wants_key:
            return Page(trouble=trouble, wants_key=True, below=_below())
        models = self._handler.signatures()
        ticked = ticked or [models[0].name]
        how = CsvFormat.from_settings(self._settings)
        asked = [one for one in models if one.name in ticked]
        return Page(
            models=models,
            ticked=ticked,
            results=shown,
            table=data_address(as_csv(shown, asked, how), CSV) if shown else "",
            trouble=trouble,
            is_kept=self._settings.server.keep_submissions,
            most_bytes=self._settings.server.max_request_bytes,
            separator=how.separator,
            below=_below(),
        )

    def _shown(self, upload: Upload, share: Share) -> list[Shown]:
        models = [self._handler.signature(name).name for name in upload.models or [""]]
        request.environ["scoring.rows"] = len(models) * len(upload.pictures)
        return by_picture([self._seen(name, upload, share) for name in models])

    def _seen(self, name: str, upload: Upload, share: Share) -> list[Seen]:
        signature = self._handler.signature(name)
        limits = self._handler.limits(signature, share.take)
        if len(upload.pictures) > limits.rows:
            raise too_many_rows(len(upload.pictures), limits.rows)
        # Its pixels, and what is shown of them.
        share.take(len(upload.pictures) * (3 * signature.input.row_length + ROW_BYTES))
        wanted = read_each(upload.pictures, signature, limits)
        answer = self._handler.score(name, wanted.pixels)
        self._metrics.scored(MANNERS.name, answer, wanted.failed)
        self._submissions.keep(upload.pictures, wanted, answer)
        return seen_by(wanted, answer)


def make_upload(page: UploadPage) -> Blueprint:
    """Return the blueprint of the page's requests; the page itself stands at ``/``."""
    pages = Blueprint("upload", __name__)
    pages.post(UPLOAD)(page.score)
    pages.post(LOGIN)(page.enter)

    # Who loads the results anew, or takes their address, wants to begin.
    for path in (UPLOAD, LOGIN):
        pages.get(path, endpoint=f"to page {path}")(_to_page)

    @pages.get(f"{UPLOAD}/<name:file>")
    def part(file: str) -> Response:
        if file not in CONTENT_TYPES:
            raise NotFound("the page is at /", code="not_found")
        return send_file(FILES / file, CONTENT_TYPES[file])

    return pages


def describe() -> dict[str, Any]:
    """Return what /openapi.json says of the page's requests."""
    file = {"type": "string", "format": "binary", "contentMediaType": "image/*"}
    properties = {FILE: {"type": "array", "items": file, "minItems": 1}}
    form = {
        "type": "object",
        "properties": properties,
        "required": [FILE],
        "description": f"pictures as files, and a field {TICKED}NAME for each model that is to look"
        " at them",
    }
    key = {"type": "object", "properties": {KEY: {"type": "string"}}, "required": [KEY]}
    part = operation("A part of the upload page", {}, (*ALWAYS, NotFound), open_=True)
    part["responses"]["200"]["content"] = {"*/*": {}}
    name = {"name": "file", "in": "path", "required": True, "schema": {"enum": [*CONTENT_TYPES]}}
    return {
        UPLOAD: {"post": _html("Pictures from the upload page", "multipart/form-data", form,
                               (NotFound, *PREDICTING, Forbidden))},
        LOGIN: {"post": _html("The key, from the upload page", "application/x-www-form-urlencoded",
                              key, (Forbidden, TooLarge, TooManyTries, UnsupportedMedia))},
        f"{UPLOAD}/{{file}}": {"parameters": [{**name, "example": "upload.css"}], "get": part},
    }  # fmt: skip


def _html(summary: str, media_type: str, schema: Any, errors: Errors) -> dict[str, Any]:
    described = operation(summary, {}, ())
    content = {"text/html": {"schema": {"type": "string"}}}
    described["responses"] = {
        str(status): {"description": "The page, which says it", "content": content}
        for status in sorted({200, *(error.status for error in (*ALWAYS, *errors))})
    }
    if media_type.startswith("application"):
        described["responses"]["303"] = {"description": "The page, at /"}
        described["security"] = []
    return {
        **described,
        "requestBody": {"required": True, "content": {media_type: {"schema": schema}}},
    }


def _check_sender() -> None:
    if sender(request.headers, request.scheme) == "foreign":
        raise Forbidden("pictures and keys are taken from this server's own page only")


def _to_page() -> BaseResponse:
    return redirect("./", 303)


def _below() -> str:
    """Return what leads from the page to its neighbours.

    Below a prefix it may be asked for without a slash behind that (Apache, WSGI), and addresses in
    it are then counted from one folder above.
    """
    if request.environ.get("PATH_INFO"):
        return ""
    return request.script_root.rpartition("/")[2] + "/"

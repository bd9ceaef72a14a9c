"""The upload page as HTML, whole: the form, or the field for the key, results, what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from msgspec import Struct

from scoring.monitoring.compiled_templates import CompiledTemplates
from scoring.protocol.errors import ApiError
from scoring.protocol.percent import in_percent
from scoring.protocol.signature import Signature
from server.dialects.dialect import Manners, Reply
from server.pages.entrance import LOGIN, UPLOAD
from server.pages.results import Shown
from server.pages.serving import POLICY, SAFETY

# Of one request; a script sends many pictures in parts of fewer.
MOST_PICTURES = 200
HTML = "text/html; charset=utf-8"
TEMPLATES = Path(__file__).parent / "templates"
PAGE_POLICY = POLICY | {"img-src": "'self' data: blob:", "form-action": "'self'"}
HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": "; ".join(f"{name} {to}" for name, to in PAGE_POLICY.items()),
        **SAFETY,
        # Not no-referrer: over plain HTTP a form's Origin would be null then, and that is all
        # there is to tell its sender by.
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Vary": "Accept, Cookie",
    }
)
# In the words of a page what is said otherwise to who writes programs.
WORDS = {
    "no_file": "No picture was chosen.",
    "too_many_rows": "These are too many pictures at once: choose at most {limit}.",
    "too_large": "These pictures have more than {limit} bytes together: choose fewer at once.",
    "unauthorized": "This server wants its key: open the page anew and type it.",
    "forbidden": "Pictures and keys are taken from this server's own page only: open it anew."
    " Behind a proxy, server.forwarded_host must be set.",
    "bad_form": "The pictures did not arrive whole: send them once more.",
    "full": "The server's memory is full of pictures just now: try again in a moment.",
    "busy": "Others are waiting already: try again in a moment.",
    "stopping": "The server is being stopped: try again later.",
}


class Page(Struct, frozen=True):
    """What the page shows.

    Attributes:
        models: those to choose among; none where the key is wanted first.
        ticked: the names of those that are chosen.
        results: of pictures that were sent, in their order.
        table: the address of the same as CSV, which holds it.
        trouble: what went wrong.
        wants_key: whether a field for the key is shown.
        is_kept: whether what is sent is kept for the desk.
        most_bytes: of one request.
        separator: of the table.
        below: what stands before every address in the page.
    """

    models: Sequence[Signature] = ()
    ticked: Sequence[str] = ()
    results: Sequence[Shown] = ()
    table: str = ""
    trouble: str = ""
    wants_key: bool = False
    is_kept: bool = False
    most_bytes: int = 0
    separator: str = ","
    below: str = ""


def render(page: Page, status: int = 200) -> Reply:
    """Return the page as HTML; every text in it is written as text."""
    body = _template().render(page=page, upload=UPLOAD[1:], login=LOGIN[1:])
    return Reply(body.encode(), status, HTML, HEADERS)


def refuse(error: ApiError) -> Reply:
    """Return a page that says what went wrong, and leads back."""
    words = WORDS.get(error.wire_code)
    told = words.format(limit=f"{error.limit or 0:,}") if words else error.message
    return render(Page(trouble=told), error.status)


MANNERS = Manners(name="page", paths=(UPLOAD, LOGIN), error=refuse)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        bytecode_cache=CompiledTemplates(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["in_percent"] = in_percent
    return environment.get_template("upload.html")

"""The facts of a run → one HTML file that shows itself anywhere: no script, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import jinja2
from msgspec import Struct

from scoring.monitoring import trust_views, views, words
from scoring.monitoring.compiled_templates import CompiledTemplates
from scoring.monitoring.facts import LookAt, ReportFacts
from scoring.monitoring.usual import FEWEST_NIGHTS
from scoring.monitoring.verdict import judge_run, title
from scoring.protocol.stylesheets import read_stylesheet

MOST_BYTES = 300_000
# Pictures on the first screen; the others unfold.
FIRST_LOOK = 14

TEMPLATES = Path(__file__).with_name("templates")

# By content hash: the bytes of a small picture and its media type.
Thumbnails = Mapping[str, tuple[bytes, str]]


class Detail(Struct, frozen=True):
    """How much of each list a page shows."""

    pictures: int
    files: int
    batches: int
    models: int


# The first that fits is taken: all but a run of the longest names fits the first.
DETAILS = (Detail(20, 40, 40, 4), Detail(20, 15, 15, 2), Detail(10, 10, 10, 1), Detail(0, 5, 5, 1))


class PictureView(Struct, frozen=True):
    """One picture that wants a person, with its words."""

    source: str
    label: str
    confidence: str
    reason: str
    name: str


def render_page(facts: ReportFacts, thumbnails: Thumbnails) -> bytes:
    """Return the page, at most ``MOST_BYTES`` whatever the facts."""
    page = b""
    for detail in DETAILS:
        page = _render(facts, thumbnails, detail)
        if len(page) <= MOST_BYTES:
            break
    return page


def _render(facts: ReportFacts, thumbnails: Thumbnails, detail: Detail) -> bytes:
    look = _look(facts, thumbnails)[: detail.pictures]
    style = _style()
    models = facts.models[: detail.models]
    html = (
        _environment()
        .get_template("report.html")
        .render(
            facts=facts,
            verdict=judge_run(facts),
            title=title(facts),
            when=views.when(facts),
            figures=views.figures(facts),
            look=look,
            first_look=FIRST_LOOK,
            look_words=views.look_words(facts, len(look)),
            desk_words=views.desk_words(facts),
            few_nights=facts.nights < FEWEST_NIGHTS,
            batches=facts.batches[: detail.batches],
            more_batches=facts.more_batches + len(facts.batches[detail.batches :]),
            several_models=len(facts.models) > 1,
            models=[views.model_view(model) for model in models],
            trust_head=trust_views.HEAD,
            chart_head=trust_views.CHART_HEAD,
            speed=views.speed_view(facts),
            failed_files=facts.failed_files[: detail.files],
            events=facts.events[: detail.files],
            more_events=facts.more_events + len(facts.events[detail.files :]),
            closing=views.closing(facts),
            style=style,
            style_hash=_hash(style),
        )
    )
    return html.encode("utf-8", "backslashreplace")


def _look(facts: ReportFacts, thumbnails: Thumbnails) -> list[PictureView]:
    """Return what wants a person; of what could not be read only what there is a picture of."""
    return [
        PictureView(
            source=_source(thumbnails, item),
            label=item.label or "",
            confidence=words.percent(item.confidence),
            reason=item.reason,
            name=f"{item.batch}/{item.path}",
        )
        for item in facts.look_at
        if item.label is not None or item.content_hash in thumbnails
    ]


def _source(thumbnails: Thumbnails, item: LookAt) -> str:
    found = thumbnails.get(item.content_hash)
    if found is None:
        return ""
    content, media_type = found
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def compile_templates() -> None:
    """Compile all templates, for the set-up: who runs at night may have no right to keep them."""
    for name in _environment().list_templates(extensions=["html"]):
        _environment().get_template(name)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        bytecode_cache=CompiledTemplates(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    for name in ("count", "percent", "seconds"):
        environment.filters[name] = getattr(words, name)
    return environment


@cache
def _style() -> str:
    lines = read_stylesheet(TEMPLATES / "report.css").decode("utf-8").splitlines()
    return "\n".join(line.strip() for line in lines)


def _hash(style: str) -> str:
    """Return what lets this style through, and no other (CSP level 2, hash-source)."""
    digest = hashlib.sha256(style.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"

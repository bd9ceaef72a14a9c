"""The report of a lesson: one page with its pictures in it, for whoever keeps the labels.

No script, nothing from elsewhere: the page forbids both itself, for file names and labels in it
are other people's words.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import cv2

from fashion_model.metrics import confusion_matrix
from fashion_model.teaching.diagrams import confusion_diagram, curve_diagram, reliability_diagram
from fashion_model.teaching.lesson import Lesson
from fashion_model.teaching.photographs import served_pixels
from fashion_model.teaching.suspects import Suspect
from fashion_model.teaching.telling import Table, percent, summary, tables
from scoring.preprocessing.errors import DecodeError
from scoring.records.text import printable

SHOWN_SUSPECTS = 60
SHOWN_SIDE, QUALITY = 200, 80
STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222;
  background: #fff }
table { border-collapse: collapse; margin: 0 0 1rem }
th, td { border-bottom: 1px solid #ccc; padding: .2rem .8rem .2rem 0; text-align: left }
.suspects { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none }
.suspects li { width: 200px; overflow-wrap: anywhere }
svg { max-width: 100%; height: auto }
"""


def diagrams(lesson: Lesson) -> dict[str, str]:
    """Return the pictures of a lesson, SVG by name."""
    labels = lesson.photographs.labels
    counts = confusion_matrix(lesson.classes, lesson.said, len(labels))
    return {
        "learning": curve_diagram(lesson.curve),
        "confusion": confusion_diagram(counts, labels),
        "reliability": reliability_diagram(lesson.probabilities.max(axis=1), lesson.right),
    }


def report_page(lesson: Lesson, name: str, notes: Sequence[str]) -> str:
    """Return the report as HTML, suspects with their pictures."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'"
    body = [f"<h1>What {escape(name)} learnt</h1>", *map(_paragraph, summary(lesson))]
    if notes:
        body.append(f"<h2>Passed over</h2><ul>{''.join(map(_item, notes))}</ul>")
    body += [*map(_table, tables(lesson)), _suspects(lesson), "<h2>Pictures</h2>"]
    body += [f"<p>{drawing}</p>" for drawing in diagrams(lesson).values()]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>What {escape(name)} learnt</title><style>{STYLE}</style></head>\n"
        f"<body>{chr(10).join(body)}</body></html>\n"
    )


def _paragraph(text: str) -> str:
    return f"<p>{escape(text[:1].upper() + text[1:])}.</p>"


def _item(text: str) -> str:
    return f"<li>{escape(text)}</li>"


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    remark = f"<p>{escape(table.remark)}</p>" if table.remark else ""
    return f"<h2>{escape(table.title)}</h2><table><tr>{head}</tr>{rows}</table>{remark}"


def _suspects(lesson: Lesson) -> str:
    if not lesson.suspects:
        return "<h2>Suspects</h2><p>No label looks wrong.</p>"
    shown = lesson.suspects[:SHOWN_SUSPECTS]
    more = len(lesson.suspects) - len(shown)
    intro = (
        f"{len(lesson.suspects)} labels may be wrong, the likeliest first"
        + (f"; the first {len(shown)} are shown" if more else "")
        + ". Look at each: what is hard to tell stands here as well as what is mislabelled."
    )
    items = "".join(_suspect(lesson, suspect) for suspect in shown)
    return f'<h2>Suspects</h2><p>{escape(intro)}</p><ul class="suspects">{items}</ul>'


def _suspect(lesson: Lesson, suspect: Suspect) -> str:
    file = lesson.photographs.files[suspect.picture]
    rather = lesson.photographs.labels[suspect.rather]
    text = (
        f"{printable(f'{file.path.parent.name}/{file.path.name}')}: labelled {file.label}"
        f" ({percent(suspect.of_own)}), looks like {rather} ({percent(suspect.of_other)})"
    )
    return f"<li>{''.join(_picture(lesson, file.path))}<br>{escape(text)}</li>"


def _picture(lesson: Lesson, path: Path) -> Iterator[str]:
    """Yield the picture as the network sees it; nothing where it is gone in the meantime."""
    shape = lesson.backbone.shape
    try:
        seen = served_pixels(path.read_bytes(), shape)
    except (DecodeError, OSError, MemoryError):
        return
    colours = cv2.cvtColor(seen.reshape(shape), cv2.COLOR_RGB2BGR)
    scale = SHOWN_SIDE / max(shape[:2])
    small = cv2.resize(colours, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    yield f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}">'

"""The frame of every page: one self-contained HTML file of a header and sections, figures inside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hgesim.report.record import Record
from hgesim.report.sheet import CSS
from hgesim.report.style import stamp, svg
from hgesim.report.summary import invalid_mark
from hgesim.report.tables import escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["captioned", "document", "figure", "section"]


def document(title: str, sentence: str, header: str, sections: Iterable[str]) -> str:
    """Write the page."""
    body = "\n".join(part for part in sections if part)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}: {escape(sentence)}</title><style>{CSS}</style></head>\n"
        f"<body><main>\n{header}\n{body}\n</main></body></html>\n"
    )


def section(title: str, body: str) -> str:
    """Write a section, or nothing where it would be empty."""
    return f"<section><h2>{escape(title)}</h2>\n{body}\n</section>" if body else ""


def figure(record: Record, drawn: Figure | None, name: str, caption: str) -> str:
    """Write a figure with its caption, marked when the run does not count."""
    if drawn is None:
        return ""
    stamp(drawn, invalid_mark(record))
    return captioned(drawn, name, caption)


def captioned(drawn: Figure, name: str, caption: str) -> str:
    """Write a figure with its caption."""
    return f"<figure>{svg(drawn, name, caption)}<figcaption>{escape(caption)}</figcaption></figure>"

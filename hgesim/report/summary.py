"""One wide picture of a run, for a README."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hgesim.report.cases import case_title, cases, kind_of
from hgesim.report.network_figure import colour_scale, draw_network
from hgesim.report.outcome_figure import controls_panel, loss_panel, outputs_panel
from hgesim.report.points import Point, operating_points
from hgesim.report.record import Record, read_record, real
from hgesim.report.style import LIGHT, look, new_figure
from hgesim.report.task_figures import class_panel, curve_panel, end_spans
from hgesim.report.words import headline, task_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["case_of_interest", "invalid_mark", "points_of_interest", "summary_figure"]


def summary_figure(folder: str | Path) -> Figure:
    """Draw network, loss, controls and outputs of a stored run side by side.

    Parameters
    ----------
    folder : path
        Folder of a run.

    Returns
    -------
    matplotlib.figure.Figure
        On white, 15 by 4.6 inch; not known to pyplot.
    """
    record = read_record(Path(folder))
    with look():
        figure = new_figure(15.0, 4.6)
        figure.set_facecolor(LIGHT["paper"])
        kind, sentence = headline(record)
        colour = {"good": "green", "open": "amber", "bad": "orange"}[kind]
        figure.text(0.012, 0.965, task_name(record)[:40], fontsize=14, weight="bold", va="top")
        figure.text(0.988, 0.955, sentence, fontsize=10, color=LIGHT[colour], ha="right", va="top")
        _network_panel(figure.add_axes((0.0, 0.02, 0.305, 0.84)), record)
        loss_panel(figure.add_axes((0.365, 0.61, 0.215, 0.24)), record)
        controls = figure.add_axes((0.365, 0.125, 0.215, 0.33))
        controls_panel(controls, record, raw="history" not in record.result)
        controls.set_title("control voltages")
        left = figure.add_axes((0.68, 0.125, 0.148, 0.725))
        right = figure.add_axes((0.84, 0.125, 0.148, 0.725))
        panel = {"gate": outputs_panel, "classes": class_panel, "curve": curve_panel}[kind_of(record)]
        for axes, when in ((left, "initial"), (right, "final")):
            panel(axes, record, when)
        _join(record, left, right)
        if not record.valid:
            figure.text(0.5, 0.5, invalid_mark(record), fontsize=44, color=LIGHT["orange"], alpha=0.25, rotation=12,
                        ha="center", va="center", weight="bold", zorder=10)  # fmt: skip
    return figure


def _join(record: Record, left: Axes, right: Axes) -> None:
    """Let the second panel go without an axis of its own where it has the scale of the first; else make room."""
    right.set_ylabel("")
    if kind_of(record) == "gate" or end_spans(record)[1]:
        right.tick_params(labelleft=False)
        return
    for axes, x in ((left, 0.68), (right, 0.86)):
        axes.set_position((x, 0.125, 0.128, 0.725))


def _network_panel(axes: Axes, record: Record) -> None:
    """Draw the network at the end of the run."""
    if record.network is None:
        axes.axis("off")
        return
    _, after, case = points_of_interest(record)
    most = float(np.abs(after.bonds).max(initial=0.0)) if after else 0.0
    draw_network(axes, record.network, after, colour_scale([after] if after else []), most)
    rows = cases(record)
    if after:
        end = "after" if record.valid else "at the end of the record"
        axes.set_title(f"bond currents {end}" + (f", {case_title(record, rows[case])}" if rows else ""), loc="center")


def invalid_mark(record: Record) -> str:
    """Return the words that every figure of an invalid run carries."""
    return "" if record.valid else f"invalid run: {record.verdict}"


def case_of_interest(record: Record) -> int:
    """Return the case whose output current changed most; the first where that is not stored."""
    rows = cases(record)
    changes = []
    for case in rows:
        first, last = real(case, "initial"), real(case, "final")
        changes.append(abs(last - first) if first is not None and last is not None else -1.0)
    return int(np.argmax(changes)) if changes else 0


def points_of_interest(record: Record) -> tuple[Point | None, Point | None, int]:
    """Solve the network before and after for the case of interest."""
    case = case_of_interest(record)
    return (*operating_points(record, case), case)

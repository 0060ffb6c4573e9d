"""One wide picture of a run, for a README."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hgesim.report.network_figure import _colour_scale, draw_network
from hgesim.report.outcome_figure import controls_panel, loss_panel, outputs_panel
from hgesim.report.points import Point, case_name, cases, operating_points
from hgesim.report.record import Record, read_record, real
from hgesim.report.style import LIGHT, look, new_figure, stamp
from hgesim.report.words import headline, task_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["case_of_interest", "invalid_mark", "points_of_interest", "summary_figure"]


def summary_figure(folder: Path) -> Figure:
    """Draw network, loss, controls and outputs of a stored run side by side.

    Parameters
    ----------
    folder : path
        Folder of a run.

    Returns
    -------
    matplotlib.figure.Figure
        On white, 15 by 4.4 inch; not known to pyplot.
    """
    record = read_record(folder)
    with look():
        figure = new_figure(15.0, 4.4)
        figure.set_facecolor(LIGHT["paper"])
        grid = figure.add_gridspec(
            2,
            4,
            width_ratios=(1.75, 1.2, 0.95, 0.95),
            left=0.005,
            right=0.985,
            bottom=0.125,
            top=0.86,
            wspace=0.3,
            hspace=0.55,
        )
        kind, sentence = headline(record)
        colour = {"good": "green", "open": "amber", "bad": "orange"}[kind]
        figure.text(0.012, 0.965, task_name(record.result), fontsize=13, weight="bold", va="top")
        figure.text(0.985, 0.965, sentence, fontsize=9.5, color=LIGHT[colour], ha="right", va="top")
        _, after, case = points_of_interest(record)
        network = figure.add_subplot(grid[:, 0])
        if record.network is not None:
            most = float(np.abs(after.bonds).max(initial=0.0)) if after else 0.0
            draw_network(network, record.network, after, _colour_scale([after] if after else []), most)
            if after:
                network.set_title(
                    f"bond currents for inputs {case_name(cases(record)[case])}" if cases(record) else "bond currents",
                    loc="center",
                )
        else:
            network.axis("off")
        loss_panel(figure.add_subplot(grid[0, 1]), record)
        controls = figure.add_subplot(grid[1, 1])
        controls_panel(controls, record, raw=False)
        controls.set_title("controls")
        left = figure.add_subplot(grid[:, 2])
        right = figure.add_subplot(grid[:, 3], sharey=left)
        outputs_panel(left, record, "initial")
        outputs_panel(right, record, "final")
        right.set_ylabel("")
        stamp(figure, invalid_mark(record))
    return figure


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

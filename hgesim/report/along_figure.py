"""The gradient along the run: the angle between what the integrators did and the exact direction of descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hgesim.report.record import FloatArray, Record, items, numbers, real, text
from hgesim.report.style import LIGHT, new_figure
from hgesim.report.waves import read_timeline
from hgesim.report.words import whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["along_figure", "along_sentence"]

_KEY = "gradient_along"


def along_figure(record: Record) -> Figure | None:
    """Draw the angle of every window and of every epoch over time; None where nothing counts."""
    timeline, result = read_timeline(record.result), record.result
    windows = _rows(result, "window_angle_deg", "controls")
    counted = _rows(result, "counted") > 0
    if timeline is None or not record.valid or windows.shape != counted.shape or not counted.any():
        return None
    if windows.shape[1] != timeline.cases:
        return None
    told = numbers(result, _KEY, "history", "epoch")
    first = timeline.epoch * (told - 1.0 if len(told) == len(windows) else np.arange(len(windows)))
    begin = first[:, None] + timeline.case * np.arange(timeline.cases)
    middle = 1e3 * (begin + timeline.dead + timeline.hold / 2)
    epochs = numbers(result, _KEY, "history", "epoch_angle_deg", "controls")[: len(windows)]
    figure = new_figure(10.4, 3.3)
    axes = figure.add_axes((0.075, 0.15, 0.91, 0.7))
    axes.axhline(90, color=LIGHT["soft"], lw=0.8, ls=(0, (5, 3)), zorder=1)
    axes.annotate("uphill above", (1.0, 90), (-2, 3), xycoords=("axes fraction", "data"), textcoords="offset points",
                  ha="right", fontsize=8, color=LIGHT["soft"])  # fmt: skip
    blue, soft = LIGHT["blue"], LIGHT["soft"]
    lock_in = text(result, _KEY, "measured") == "lock-in"
    window = "a case: derivatives of its output" if lock_in else "a window: the case's own descent"
    epoch = "an epoch: gradient of the loss" if lock_in else "an epoch: the descent of the loss over all cases"
    for part, face, edge, name in (
        (counted, blue, blue, window),
        (~counted, "none", soft, "the same, not counted"),
    ):
        seen = part & np.isfinite(windows)
        if seen.any():
            axes.scatter(
                middle[seen], windows[seen], s=15, c=face, edgecolors=edge, linewidths=0.6, zorder=3, label=name
            )
    over = 1e3 * (first[: len(epochs)] + 0.5 * timeline.epoch)
    axes.plot(over, epochs, color=LIGHT["ink"], marker="o", ms=2.6, lw=1.2, zorder=2,
              label=epoch)  # fmt: skip
    axes.set(xlabel="time (ms)", ylabel="angle (°)", ylim=(0, 180), xlim=(0, 1e3 * (first[-1] + timeline.epoch)))
    axes.set_yticks(range(0, 181, 30))
    title = "measured and exact gradient" if lock_in else "the controls' move and the exact descent"
    axes.set_title(f"angle between {title}", pad=20)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 0.985), ncols=3, fontsize=8, handletextpad=0.4)
    return figure


def _rows(result: object, *path: str) -> FloatArray:
    """Return a table of numbers, one row an epoch, NaN for what is none; empty where it is broken."""
    rows = [row for row in items(result, _KEY, "history", *path) if isinstance(row, list)]
    tables = [numbers([float(value) if isinstance(value, bool) else value for value in row]) for row in rows]
    return np.array(tables) if len({len(row) for row in tables}) == 1 else np.zeros((0, 0))


def along_sentence(record: Record) -> str:
    """Say how close the integrators kept to the exact gradient, or why there is no figure; empty where none is kept."""
    result = record.result
    if not record.valid or _KEY not in result:
        return ""
    if why := text(result, _KEY, "reason"):
        return f"There is no angle to the exact gradient: {why}."
    angle, many, of = (real(result, _KEY, "window", *key) for key in (("angle_deg", "controls"), ("counted",), ("of",)))
    if angle is None or many is None or of is None:
        return ""
    if text(result, _KEY, "measured") == "lock-in":
        return _measured_words(record, angle)
    said = (
        f"In the {whole(many)} of {whole(of)} windows that count, the median angle between the controls' move and the "
        f"exact descent of the case shown is {angle:.2g}°"
    )
    angle, many, down = (
        real(result, _KEY, "epoch", *key) for key in (("angle_deg", "controls"), ("counted",), ("downhill",))
    )
    if angle is None or not many or down is None:
        return said + "."
    return (
        f"{said}; between the move of a whole epoch and the exact descent of the loss over all cases, at its begin, it "
        f"is {angle:.2g}°, and {whole(down)} of {whole(many)} epochs lead downhill."
    )


def _measured_words(record: Record, angle: float) -> str:
    """Say how close the gradients that a digital update measured are to the exact ones."""
    said = f"The derivatives of the output by the controls that the lock-in read are {angle:.2g}° off in a median case"
    loss, many, down = (
        real(record.result, _KEY, "epoch", *key) for key in (("angle_deg", "controls"), ("counted",), ("downhill",))
    )
    if loss is None or not many or down is None:
        return said + "."
    return (
        f"{said}, the gradients of the loss made of them by {loss:.2g}° an epoch; to follow them led downhill in "
        f"{whole(down)} of {whole(many)} epochs."
    )

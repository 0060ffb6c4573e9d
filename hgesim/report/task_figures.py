"""Outputs of tasks that are no gate: two classes against the threshold, and a curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hgesim.report.cases import Outcome, kind_of, read_outcome
from hgesim.report.points import target_levels, threshold_currents, threshold_lines
from hgesim.report.record import FloatArray, Record, real, text
from hgesim.report.style import LIGHT, new_figure
from hgesim.report.words import axis_scale, score_value, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "CLASS_COLOURS",
    "MOST",
    "class_panel",
    "curve_panel",
    "empty",
    "end_name",
    "end_spans",
    "ends_figure",
    "is_radial",
    "span_of",
    "threshold_line",
]

CLASS_COLOURS = (LIGHT["orange"], LIGHT["blue"])
MOST = 600  # held-out cases drawn in one panel
Span = tuple[float, float]
WHENS = ("initial", "final")
SAME_SCALE = 0.3  # both ends share an axis where the smaller range is at least this much of the joint one


def is_radial(record: Record) -> bool:
    """Tell whether the class is a matter of the distance to the centre."""
    return text(record.result, "task", "name") in ("sphere", "ring")


def ends_figure(record: Record) -> Figure | None:
    """Draw the outputs of classes or of a curve before and after; None when none are stored."""
    outcome = read_outcome(record)
    if not len(outcome.targets):
        return None
    panel = curve_panel if kind_of(record) == "curve" else class_panel
    figure = new_figure(10.4, 4.3)
    left, right = figure.subplots(1, 2)
    for axes, when in ((left, "initial"), (right, "final")):
        panel(axes, record, when)
    figure.subplots_adjust(0.075, 0.2, 0.985, 0.92, wspace=0.16)
    _key(figure, outcome, curve=kind_of(record) == "curve")
    return figure


def end_spans(record: Record) -> tuple[dict[str, Span], bool]:
    """Return the least and greatest current of the axes before and after, and whether they are one.

    Both ends share an axis, unless one would be too small to be read.
    """
    outcome, thresholds, curve = read_outcome(record), threshold_currents(record), kind_of(record) == "curve"
    scale = real(record.config, "task", "target")
    spans: dict[str, Span] = {}
    for when, threshold in zip(WHENS, thresholds, strict=True):
        if not len(outcome.targets) or (curve and threshold is None):
            continue
        if curve:
            lines = [] if scale is None else [scale * float(edge(outcome.targets)) for edge in (np.min, np.max)]
            spans[when] = span_of(outcome.currents(when) - (threshold or 0.0), lines)
        else:
            spans[when] = span_of(outcome.currents(when), threshold_lines(record, threshold))
    if not spans:
        return spans, True
    joint = min(low for low, _ in spans.values()), max(high for _, high in spans.values())
    same = all(high - low >= SAME_SCALE * (joint[1] - joint[0]) for low, high in spans.values())
    return {when: _padded(joint if same else span) for when, span in spans.items()}, same


def class_panel(axes: Axes, record: Record, when: str, *, alone: bool = False) -> None:
    """Draw the outputs of two classes with the threshold, against the distance to the centre or class by class.

    Parameters
    ----------
    axes : Axes
        Empty.
    record : Record
        The run.
    when : str
        ``initial`` or ``final``.
    alone : bool
        Take no account of the other end.
    """
    outcome = read_outcome(record).thinned(MOST)
    spans, same = end_spans(record)
    axes.set_title(end_name(record, when) + _scale_words(when, same=same))
    if not len(outcome.targets):
        return empty(axes)
    threshold = threshold_currents(record)[when == "final"]
    levels = target_levels(record, threshold)
    currents = outcome.currents(when)
    low, high = spans[when]
    if alone:
        low, high = _padded(span_of(currents, threshold_lines(record, threshold)))
    unit, label = axis_scale([low, high], "A")
    x, across = _across(record, outcome)
    axes.set(xlabel=across, ylabel=f"output current ({label})", ylim=(low / unit, high / unit))
    if not is_radial(record):
        axes.set(xlim=(-0.55, 1.55))
        axes.set_xticks([0, 1], ["class 0", "class 1"])
    for value, colour in enumerate(CLASS_COLOURS):
        of = outcome.targets == value
        if levels is not None and of.any():
            ends = [float(x[of].min()), float(x[of].max())] if is_radial(record) else [value - 0.42, value + 0.42]
            axes.plot(ends, [levels[value] / unit] * 2, color=LIGHT["soft"], lw=1.0, zorder=1)
        for held, size, shape in ((True, 15, "o"), (False, 42, "s")):
            part = of & (outcome.held == held)
            edge = colour if held else LIGHT["ink"]
            axes.scatter(
                x[part], currents[part] / unit, s=size, marker=shape, c=colour if value else LIGHT["paper"],
                edgecolors=edge, linewidths=1.1, zorder=4 if held else 5,
            )  # fmt: skip
    threshold_line(axes, threshold, unit)
    _score_words(axes, record, when)
    return None


def curve_panel(axes: Axes, record: Record, when: str) -> None:
    """Draw the output above the threshold over the input, with the curve it should follow."""
    outcome = read_outcome(record).thinned(MOST)
    spans, same = end_spans(record)
    axes.set_title(end_name(record, when) + _scale_words(when, same=same))
    threshold, scale = threshold_currents(record)[when == "final"], real(record.config, "task", "target")
    if not len(outcome.targets) or threshold is None:
        return empty(axes, "not stored" if not len(outcome.targets) else "the threshold is not stored")
    x, many = outcome.inputs[:, 0], outcome.inputs.shape[1] > 1
    above = outcome.currents(when) - threshold
    wanted = None if scale is None else scale * outcome.targets
    low, high = spans[when]
    unit, label = axis_scale([low, high], "A")
    axes.set(
        xlabel="input" + (" 1" if many else ""),
        ylabel=f"output above threshold ({label})",
        ylim=(low / unit, high / unit),
    )
    if wanted is not None:
        order = np.argsort(x)
        style: dict[str, Any] = {"ls": "", "marker": "_", "ms": 5} if many else {"lw": 1.4}
        axes.plot(x[order], wanted[order] / unit, color=LIGHT["soft"], zorder=2, **style)
        if wanted.min() > high or wanted.max() < low:
            axes.annotate(f"wanted curve out of view, {'above' if wanted.min() > high else 'below'}", (0.01, 0.985),
                          xycoords="axes fraction", va="top", fontsize=8, color=LIGHT["soft"])  # fmt: skip
    for held, size, shape in ((True, 15, "o"), (False, 42, "s")):
        part = outcome.held == held
        edge = LIGHT["blue"] if held else LIGHT["ink"]
        axes.scatter(x[part], above[part] / unit, s=size, marker=shape, c=LIGHT["blue"], edgecolors=edge,
                     linewidths=1.1, zorder=4 if held else 5)  # fmt: skip
    _score_words(axes, record, when)
    return None


def end_name(record: Record, when: str) -> str:
    """Name an end of the run."""
    return "before" if when == "initial" else "after" if record.valid else "at the end of the record"


def _scale_words(when: str, *, same: bool) -> str:
    return "" if same or when == "initial" else " (other scale)"


def empty(axes: Axes, words: str = "not stored") -> None:
    """Leave a panel empty and say why."""
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=LIGHT["soft"])
    axes.set(xticks=[], yticks=[])


def threshold_line(axes: Axes, threshold: float | None, unit: float) -> None:
    """Draw the threshold, in ampere, over the whole width; where it is out of view, say where it is."""
    if threshold is None:
        return
    low, high = axes.get_ylim()
    height = (threshold / unit - low) / (high - low)
    beyond = "" if 0 < height < 1 else f" {signed(threshold, 'A')}, out of view"
    axes.axhline(threshold / unit, color=LIGHT["ink"], lw=1.1, ls=(0, (5, 3)), zorder=2)
    axes.set_ylim(low, high)
    below = 0.8 < height < 1  # under the line where the score stands above it
    axes.annotate("threshold" + beyond, (0.0, min(max(height, 0.0), 1.0 if below else 0.8)), (4, -3 if below else 3),
                  xycoords="axes fraction", textcoords="offset points", va="top" if below else "bottom",
                  fontsize=8, color=LIGHT["soft"], zorder=3,
                  bbox={"facecolor": LIGHT["paper"], "edgecolor": "none", "pad": 0.6})  # fmt: skip


def _padded(span: Span) -> Span:
    """Leave room around the outputs, above for the words of the score."""
    low, high = span
    return low - 0.1 * (high - low), high + 0.2 * (high - low)


def span_of(dots: FloatArray, lines: list[float]) -> Span:
    """Return the range of the outputs and of the lines that lie near them."""
    size = float(np.ptp(dots)) or float(np.abs(dots).max()) or 1e-9
    near = [line for line in lines if dots.min() - size < line < dots.max() + size]
    low, high = float(min([dots.min(), *near])), float(max([dots.max(), *near]))
    return (low, high) if high > low else (low - size / 2, high + size / 2)


def _across(record: Record, outcome: Outcome) -> tuple[FloatArray, str]:
    """Return where the cases stand along x: at their distance, or spread evenly over the column of their class."""
    if is_radial(record):
        return outcome.distance, "distance to the centre"
    x = outcome.targets.copy()
    for value in (0.0, 1.0):
        of = np.flatnonzero(outcome.targets == value)
        x[of] += 0.76 * ((np.arange(len(of)) + 0.5) / max(len(of), 1) - 0.5)
    return x, ""


def _score_words(axes: Axes, record: Record, when: str) -> None:
    name, value = text(record.result, "score", "name"), real(record.result, "score", when)
    if value is None or not name:
        return
    goal = real(record.result, "task", "goal")
    done = goal is not None and (value <= goal if name == "error" else value >= goal)
    axes.annotate(
        f"{name} {score_value(name, value)}", (0.99, 0.985), xycoords="axes fraction", ha="right", va="top",
        fontsize=8.5, color=LIGHT["green" if done else "orange"], weight="bold",
    )  # fmt: skip


def _key(figure: Figure, outcome: Outcome, *, curve: bool) -> None:
    from matplotlib.lines import Line2D

    def mark(name: str, **style: Any) -> Line2D:
        return Line2D([], [], **{"linestyle": "", "color": "none", "marker": "o", "ms": 5, **style}, label=name)

    blue, ink, soft = LIGHT["blue"], LIGHT["ink"], LIGHT["soft"]
    if curve:
        entries = [mark("wanted", marker="", linestyle="-", color=soft, lw=1.4)]
        sample = {"markerfacecolor": blue, "markeredgecolor": blue}
    else:
        orange = CLASS_COLOURS[0]
        entries = [
            mark("class 0", markerfacecolor=LIGHT["paper"], markeredgecolor=orange, markeredgewidth=1.1),
            mark("class 1", markerfacecolor=blue, markeredgecolor=blue),
            mark("output of zero error", marker="", linestyle="-", color=soft, lw=1.0),
        ]
        sample = {"markerfacecolor": LIGHT["paper"], "markeredgecolor": soft}
    if outcome.held.any():
        entries.append(mark("held out", **{**sample, "ms": 4}))
    if not outcome.held.all():
        entries.append(mark("shown to the loop", marker="s", ms=6.5, **{**sample, "markeredgecolor": ink}))
    figure.legend(handles=entries, loc="lower center", ncols=len(entries), fontsize=8.5, bbox_to_anchor=(0.53, 0.0))

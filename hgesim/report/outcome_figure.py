"""What was learnt: the outputs before and after, the loss, and the controls over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hgesim.report.cases import case_name, cases, kind_of
from hgesim.report.leaps import leap_path, leapt
from hgesim.report.points import target_levels, threshold_currents, threshold_lines
from hgesim.report.record import FloatArray, Record, dig, items, numbers, real, text
from hgesim.report.style import LIGHT, channel_style, log_ticks, name_lines, new_figure, thin
from hgesim.report.task_figures import CLASS_COLOURS, empty, end_name, span_of, threshold_line
from hgesim.report.waves import read_waves
from hgesim.report.words import axis_scale, loss_words, percent, score_value, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["controls_panel", "history_time", "learning_figure", "loss_panel", "outputs_figure", "outputs_panel"]

WHOLE_NAMES = 16  # cases that can be named below an axis


def outputs_figure(record: Record) -> Figure | None:
    """Draw the outputs before and after; None when none are stored."""
    if not any(real(case, when) is not None for case in cases(record) for when in ("initial", "final")):
        return None
    figure = new_figure(10.4, 4.3)
    left, right = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.06})
    outputs_panel(left, record, "initial")
    outputs_panel(right, record, "final")
    right.set_ylabel("")
    figure.subplots_adjust(0.075, 0.2, 0.985, 0.92)
    _outputs_key(figure)
    return figure


def _outputs_key(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    def mark(name: str, **style: Any) -> Line2D:
        return Line2D([], [], **{"linestyle": "", "color": "none", **style}, label=name)

    orange, blue, soft = *CLASS_COLOURS, LIGHT["soft"]
    entries = [
        mark("target 0", marker="o", ms=8, markerfacecolor=LIGHT["paper"], markeredgecolor=orange, markeredgewidth=2),
        mark("target 1", marker="o", ms=8, markerfacecolor=blue, markeredgecolor=blue),
        mark("the same in the loop", marker="D", ms=5, markerfacecolor="none", markeredgecolor=soft),
        mark("output of zero error", linestyle="-", color=soft, lw=1.0),
    ]
    figure.legend(handles=entries, loc="lower center", ncols=4, fontsize=8.5, bbox_to_anchor=(0.53, 0.0))


def outputs_panel(axes: Axes, record: Record, when: str) -> None:
    """Draw the output currents of all cases at one end of the run.

    Parameters
    ----------
    axes : Axes
        Empty.
    record : Record
        The run.
    when : str
        ``initial`` or ``final``.
    """
    rows = cases(record)
    stored = [real(case, end) for case in rows for end in ("initial", "final")]
    if not any(value is not None for value in stored):
        axes.set_title("outputs")
        empty(axes)
        return
    unit, label = axis_scale([value for value in stored if value is not None], "A")
    y = np.array([np.nan if (found := real(case, when)) is None else found / unit for case in rows])
    targets = numbers([dig(case, "target") for case in rows])
    x = np.arange(len(rows))
    axes.set(xlim=(-0.6, len(rows) - 0.4), xlabel="inputs → target", ylabel=f"output current ({label})")
    if len(rows) <= WHOLE_NAMES:
        names = [f"{case_name(record, case)} → {target:g}" for case, target in zip(rows, targets, strict=True)]
        axes.set_xticks(x, names, fontsize=8.5 if len(rows) <= 8 else 6.5)
    _margin_band(axes, y * unit, targets, unit)
    thresholds = threshold_currents(record)
    threshold = thresholds[when == "final"]
    _focus(axes, record, thresholds, unit)
    threshold_line(axes, threshold, unit)
    levels = target_levels(record, threshold)
    for k, target in enumerate(targets):
        if levels is not None and target in (0.0, 1.0):
            axes.plot([k - 0.3, k + 0.3], [levels[int(target)] / unit] * 2, color=LIGHT["soft"], lw=1.0, zorder=1)
    _loop_marks(axes, record, when, unit)
    for target, colour in enumerate(CLASS_COLOURS):
        of = targets == target
        axes.scatter(
            x[of], y[of], s=75, c=colour if target else LIGHT["paper"], edgecolors=colour, linewidths=2, zorder=5
        )
    other = ~np.isin(targets, (0.0, 1.0))
    axes.scatter(x[other], y[other], s=50, c=LIGHT["green"], zorder=5)
    axes.set_title(end_name(record, when))


def _focus(axes: Axes, record: Record, thresholds: tuple[float | None, float | None], unit: float) -> None:
    """Let the outputs fill the height: thresholds and levels count as far as they lie near them."""
    ends = ("initial", "final")
    seen = [real(case, end) for case in cases(record) + items(record.result, "outputs_loop") for end in ends]
    dots = np.array([value for value in seen if value is not None])
    if not len(dots):
        return
    low, high = span_of(dots, [line for threshold in thresholds for line in threshold_lines(record, threshold)])
    axes.set_ylim((low - 0.1 * (high - low)) / unit, (high + 0.28 * (high - low)) / unit)


def _margin_band(axes: Axes, y: FloatArray, targets: FloatArray, unit: float) -> None:
    """Shade the gap between the classes, from outputs `y` in ampere, and say how wide it is."""
    ones, zeros = y[(targets == 1) & np.isfinite(y)], y[(targets == 0) & np.isfinite(y)]
    if not len(ones) or not len(zeros):
        return
    floor, roof = float(ones.min()), float(zeros.max())
    gap, swing = floor - roof, float(np.nanmax(y) - np.nanmin(y))
    colour = LIGHT["green"] if gap > 0 else LIGHT["orange"]
    axes.axhspan(min(floor, roof) / unit, max(floor, roof) / unit, color=colour, alpha=0.14, lw=0, zorder=0)
    words = f"separation {signed(gap, 'A')}"
    words += f"\nmargin {percent(gap / swing)}" if gap > 0 and swing > 0 else "\nclasses overlap"
    axes.annotate(
        words, (0.99, 0.985), xycoords="axes fraction", ha="right", va="top", fontsize=8.5, color=colour, weight="bold"
    )


def _loop_marks(axes: Axes, record: Record, when: str, unit: float) -> None:
    """Mark the same outputs as the transient had them, beside those of the network alone."""
    for k, case in enumerate(items(record.result, "outputs_loop")):
        if (value := real(case, when)) is not None:
            axes.scatter(
                k + 0.27, value / unit, s=26, marker="D", c="none", edgecolors=LIGHT["soft"], linewidths=1.0, zorder=4
            )


def history_time(record: Record) -> FloatArray:
    """Return the times of the history in millisecond; epochs where times are missing."""
    time = numbers(record.result, "history", "time")
    return 1e3 * time if len(time) else numbers(record.result, "history", "epoch")


def learning_figure(record: Record) -> Figure | None:
    """Draw loss, score or separation, and controls over time; None when nothing of it is stored."""
    keys = ("loss", "separation", "score", "threshold")
    if not any(len(numbers(record.result, "history", key)) for key in keys):
        return _controls_alone(record)
    panels = [loss_panel, *([] if kind_of(record) == "gate" else [score_panel])]
    if kind_of(record) != "curve":
        panels.append(separation_panel)
    figure = new_figure(10.4, 2.6 * len(panels))
    grid = figure.add_gridspec(len(panels), 2, width_ratios=(1, 1.15), wspace=0.24, hspace=0.48)
    edge = 0.5 / figure.get_figheight()
    figure.subplots_adjust(0.075, edge, 0.935, 1 - 0.6 * edge)
    right = figure.add_subplot(grid[:, 1])
    controls_panel(right, record)
    right.set_title("control voltages")
    for row, panel in enumerate(panels):
        panel(figure.add_subplot(grid[row, 0]), record)
    return figure


def _controls_alone(record: Record) -> Figure | None:
    figure = new_figure(10.4, 3.6)
    axes = figure.add_axes((0.075, 0.14, 0.86, 0.78))
    axes.set_title("control voltages")
    return figure if controls_panel(axes, record) else None


def loss_panel(axes: Axes, record: Record, *, epochs: bool = False) -> None:
    """Draw the loss over time, or over the number of the epoch, logarithmically."""
    from matplotlib.ticker import MaxNLocator

    loss, time = numbers(record.result, "history", "loss"), history_time(record)
    if epochs:
        time = np.arange(1.0, len(loss) + 1)
    count = min(len(loss), len(time))
    good = np.isfinite(loss[:count]) & (loss[:count] > 0)
    axes.set_title("loss")
    what, unit = loss_words(record)
    axes.set(xlabel="epoch" if epochs else time_label(record), ylabel=f"{what} ({unit})" if unit else what)
    if not good.any():
        empty(axes)
        return
    axes.semilogy(time[:count][good], loss[:count][good], color=LIGHT["ink"], marker="o", ms=2.6, lw=1.2)
    log_ticks(axes)
    if epochs:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=LIGHT["rule"], lw=0.6)


def score_panel(axes: Axes, record: Record) -> None:
    """Draw what the goal is compared with, by the network alone on the cases shown to the loop, over time."""
    name = text(record.result, "score", "name")
    values, time = _from_start(record, "score", real(record.result, "score", "shown", "initial"))
    axes.set_title(f"{name or 'score'} on the cases shown, by the network alone")
    axes.set_xlabel(time_label(record))
    if not np.isfinite(values).any():
        empty(axes)
        return
    goal = real(record.result, "task", "goal")
    factor = 100.0 if name == "accuracy" else 1.0
    axes.set_ylabel(f"{name} (%)" if name == "accuracy" else name)
    if goal is not None:
        axes.axhline(factor * goal, color=LIGHT["green"], lw=1.0, ls=(0, (5, 3)))
        axes.annotate(f"goal {score_value(name, goal)}", (1.0, factor * goal), (-2, 3), ha="right",
                      xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=8,
                      color=LIGHT["green"])  # fmt: skip
    axes.plot(time, factor * values, color=LIGHT["ink"], marker="o", ms=2.6, lw=1.2)
    if name == "accuracy":
        axes.set_ylim(0, 108)
    elif np.nanmin(values) > 0 and np.nanmax(values) > 20 * min(float(np.nanmin(values)), goal or np.inf):
        axes.set_yscale("log")
        log_ticks(axes)


def _from_start(record: Record, key: str, first: float | None) -> tuple[FloatArray, FloatArray]:
    """Return a track of the history and its times, with the value at the start before it."""
    values, time = numbers(record.result, "history", key), history_time(record)
    count = min(len(values), len(time))
    values, time = values[:count], time[:count]
    if first is not None and count and time[0] > 0:
        values, time = np.insert(values, 0, first), np.insert(time, 0, 0.0)
    return values, time


def separation_panel(axes: Axes, record: Record) -> None:
    """Draw the separation of the network alone over time."""
    first = real(record.result, "separation", "network", "initial")
    values, time = _from_start(record, "separation", first)
    axes.set_title("separation by the network alone")
    axes.set_xlabel(time_label(record))
    if not np.isfinite(values).any():
        empty(axes)
        return
    unit, label = axis_scale(values, "A")
    y = values / unit
    axes.set_ylabel(f"separation ({label})")
    axes.axhline(0, color=LIGHT["soft"], lw=0.8)
    axes.fill_between(time, y, 0, where=list(y > 0), interpolate=True, color=LIGHT["green"], alpha=0.16, lw=0)
    axes.plot(time, y, color=LIGHT["ink"], marker="o", ms=2.6, lw=1.2)


def controls_panel(axes: Axes, record: Record, *, raw: bool = True) -> bool:
    """Draw controls and threshold over time, the raw transient faintly behind.

    Returns
    -------
    bool
        Whether there was anything to draw.
    """
    tracks: dict[str, FloatArray] = {
        str(label): numbers(track) for label, track in _dict(record, "history", "controls").items()
    }
    nets = {str(label): net for label, net in _dict(record, "signals", "controls").items() if isinstance(net, str)}
    threshold, net = numbers(record.result, "history", "threshold"), dig(record.result, "signals", "threshold")
    if len(threshold):
        tracks["threshold"] = threshold
    if isinstance(net, str):
        nets["threshold"] = net
    time = history_time(record)
    t, waves = read_waves(record, nets.values()) if raw and not leapt(record) else (np.zeros(0), {})
    labels = list(dict.fromkeys([*tracks, *nets]))
    ends: list[tuple[float, str, Any]] = []
    for k, label in enumerate(labels):
        style = {"color": LIGHT["ink"], "linestyle": (0, (5, 1.6))} if label == "threshold" else channel_style(k)
        wave = waves.get(nets.get(label, ""))
        if wave is not None and len(wave):
            axes.plot(*_millivolt(*thin(t, wave, 1200)), color=style["color"], lw=0.5, alpha=0.35)
            ends.append((1e3 * float(wave[-1]), label, style["color"]))
        track = tracks.get(label, np.zeros(0))
        count = min(len(track), len(time))
        if np.isfinite(track[:count]).any():
            path = leap_path(record, label)
            if len(path[0]):
                axes.plot(path[0], 1e3 * path[1], lw=1.0, **style)
                style |= {"linestyle": "", "marker": "o", "ms": 2.6}
            axes.plot(time[:count], 1e3 * track[:count], lw=1.5, **style)
            ends = [
                *[end for end in ends if end[1] != label],
                (1e3 * float(track[:count][np.isfinite(track[:count])][-1]), label, style["color"]),
            ]
    axes.set(xlabel=time_label(record), ylabel="voltage (mV)")
    if not ends:
        empty(axes)
        return False
    axes.margins(x=0.01)
    axes.set_ylim(axes.get_ylim())
    name_lines(axes, [(y, name if len(name) <= 10 else name[:9] + "…", colour) for y, name, colour in ends])
    return True


def time_label(record: Record) -> str:
    """Return the label of a time axis of the history."""
    return "time (ms)" if len(numbers(record.result, "history", "time")) or not len(history_time(record)) else "epoch"


def _dict(record: Record, *path: str) -> dict[str, Any]:
    found = dig(record.result, *path)
    return found if isinstance(found, dict) else {}


def _millivolt(time: FloatArray, wave: FloatArray) -> tuple[FloatArray, FloatArray]:
    return 1e3 * time, 1e3 * wave

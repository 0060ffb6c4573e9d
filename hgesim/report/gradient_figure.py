"""Figures of a gradient measurement: measured against exact, the electronics' own errors, the parts of the error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hgesim.report.record import FloatArray, Record, dig, items, numbers, real, text
from hgesim.report.style import LIGHT, channel_style, log_ticks, name_lines, new_figure, thin
from hgesim.report.waves import read_waves, window
from hgesim.report.words import axis_scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["QUANTITIES", "controls", "parts_figure", "readings_figure", "scatter_figure", "table_of"]

QUANTITIES = {"output": "output current", "loss": "loss"}
MARKERS = "osD^vPX<>h"
_SHOWN = 4  # operating points of the waveforms' figure
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def controls(record: Record) -> list[str]:
    """Return the labels of the controls."""
    return [label for label in items(record.result, "controls") if isinstance(label, str)]


def table_of(record: Record, of: str, name: str) -> FloatArray:
    """Return one of the stored gradients at the points that count, (points, controls); empty where there is none."""
    rows = [row for row in items(record.result, "gradient") if isinstance(row, Mapping) and row.get("of") == of]
    width = len(controls(record))
    found = [numbers(row, name) for row in rows if row.get("counted") is True]
    kept = [row for row in found if len(row) == width]
    return np.array(kept) if kept and len(kept) == len(found) else np.zeros((0, width))


def _scale(values: FloatArray, of: str) -> tuple[float, str]:
    if of == "output":
        return axis_scale(values, "A/V")
    most = float(np.max(np.abs(values[np.isfinite(values)]), initial=0.0))
    power = 3 * int(np.floor(np.log10(most / 2) / 3)) if most > 0 else 0
    return 10.0**power, (f"10{str(power).translate(_RAISED)} V²/V" if power else "V²/V")


def scatter_figure(record: Record) -> Figure | None:
    """Draw every measured derivative over the exact one, and what the electronics are off by; None without any."""
    kept = [of for of in QUANTITIES if len(table_of(record, of, "exact")) and len(table_of(record, of, "measured"))]
    if not kept:
        return None
    figure = new_figure(10.4, 7.6)
    grid = figure.subplots(
        2, len(kept), squeeze=False, gridspec_kw={"height_ratios": (1.9, 1.0), "hspace": 0.42, "wspace": 0.24}
    )
    figure.subplots_adjust(0.085, 0.08, 0.985, 0.95)
    for column, of in enumerate(kept):
        exact, measured, twin = (table_of(record, of, name) for name in ("exact", "measured", "dithered"))
        factor, unit = _scale(exact, of)
        axes = grid[0, column]
        ends = np.array([min(exact.min(), measured.min()), max(exact.max(), measured.max())]) / factor
        ends += 0.05 * np.ptp(ends) * np.array([-1, 1])
        axes.plot(ends, ends, color=LIGHT["soft"], linewidth=0.9, zorder=1)
        for number, label in enumerate(controls(record)):
            axes.plot(
                exact[:, number] / factor, measured[:, number] / factor, MARKERS[number % len(MARKERS)], label=label,
                markersize=4.5, color=channel_style(number)["color"], markeredgewidth=0, alpha=0.75, zorder=2,
            )  # fmt: skip
        axes.set(xlim=ends, ylim=ends, xlabel=f"exact, {unit}", ylabel=f"measured, {unit}", aspect="equal")
        axes.set_title(f"Gradient of the {QUANTITIES[of]}")
        axes.legend(loc="upper left", title="by control", alignment="left", handletextpad=0.1, borderaxespad=0.2)
        if len(twin):
            _off(grid[1, column], 100 * np.abs(measured - twin) / np.linalg.norm(twin, axis=1, keepdims=True), record)
    return figure


def _off(axes: Any, shares: FloatArray, record: Record) -> None:
    """Draw what each derivative is off by, control by control, side by side in the order of the points."""
    labels = controls(record)
    spread = np.linspace(-0.28, 0.28, len(shares)) if len(shares) > 1 else np.zeros(1)
    for number in range(len(labels)):
        axes.plot(
            number + spread, np.maximum(shares[:, number], 1e-6), MARKERS[number % len(MARKERS)], markersize=3,
            color=channel_style(number)["color"], markeredgewidth=0,
        )  # fmt: skip
        middle = np.median(shares[:, number])
        axes.plot([number - 0.36, number + 0.36], [middle, middle], color=LIGHT["ink"], linewidth=1.2)
    axes.set(yscale="log", xticks=range(len(labels)), xticklabels=labels, ylabel="error, % of |gradient|")
    axes.set_ylim(max(1e-4, np.quantile(shares, 0.02) / 2), 2 * shares.max() + 1e-3)
    log_ticks(axes)
    axes.set_title("Electronics alone: against the twin with the same dither")


def parts_figure(record: Record) -> Figure | None:
    """Draw relative error and angle of each part of the error as bars; None where nothing was taken apart."""
    found = {of: [row for row in items(record.result, "summary", of, "parts") if isinstance(row, Mapping)]
             for of in QUANTITIES}  # fmt: skip
    names = _in_order([[text(row, "name") for row in rows] for rows in found.values()])
    if not names:
        return None
    figure = new_figure(10.4, 1.1 + 0.42 * len(names))
    grid = figure.subplots(1, 2, sharey=True, gridspec_kw={"wspace": 0.12})
    figure.subplots_adjust(0.15, 0.62 / figure.get_figheight(), 0.985, 1 - 0.4 / figure.get_figheight())
    fields = (("relative_error", 100.0, "Relative error", "%"), ("angle_deg", 1.0, "Angle", "degree"))
    for axes, (key, factor, title, unit) in zip(grid, fields, strict=True):
        sizes = [factor * value for rows in found.values() for row in rows if (value := real(row, key))]
        floor = 10.0 ** np.floor(np.log10(max(min(sizes, default=1e-3), 1e-5)))
        for shift, (of, colour) in enumerate(zip(QUANTITIES, ("blue", "orange"), strict=True)):
            for row in found[of]:
                place = names.index(text(row, "name")) + 0.36 * (shift - 0.5)
                value = factor * (real(row, key) or 0.0)
                axes.barh(place, max(value - floor, 0.0), 0.34, left=floor, color=LIGHT[colour], linewidth=0)
                shown = f"{value:.2g}" if value > 0 else "0"
                axes.annotate(
                    shown, (max(value, floor), place), (3, 0), textcoords="offset points", va="center", fontsize=7,
                    color=LIGHT["soft"],
                )  # fmt: skip
        axes.set(xscale="log", xlim=(floor, 3 * max([*sizes, 2 * floor])), xlabel=unit)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(axis="y", length=0)
        axes.set_title(title)
        _plain_decades(axes)
    grid[0].invert_yaxis()
    for colour, of in zip(("blue", "orange"), QUANTITIES, strict=True):
        grid[1].barh([0], [0], color=LIGHT[colour], label=f"of the {QUANTITIES[of]}")
    grid[1].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, handlelength=1.2, borderaxespad=0.1)
    return figure


def _in_order(lists: list[list[str]]) -> list[str]:
    """Merge lists that agree on the order of what they share."""
    merged: list[str] = []
    for names in lists:
        place = 0
        for name in names:
            if name not in merged:
                merged.insert(place, name)
            place = merged.index(name) + 1
    return merged


def _plain_decades(axes: Any) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def readings_figure(record: Record) -> Figure | None:
    """Draw what stands behind the low-passes at the first operating points; None without waveforms."""
    labels = [*controls(record), "threshold"]
    pairs = {label: (f"low_{label}_p", f"low_{label}_n") for label in labels}
    time, waves = read_waves(record, ["err", *(net for pair in pairs.values() for net in pair)])
    ramp, settle, release = (real(record.result, "pace", key) for key in ("ramp", "settle", "release"))
    beat, beats = real(record.result, "plan", "beat"), real(record.result, "pace", "beats")
    kept = [label for label in labels if all(net in waves for net in pairs[label])]
    if len(time) < 2 or "err" not in waves or not kept or not (ramp and settle and release and beat and beats):
        return None
    slot, pause = ramp + settle + release + beats * beat, ramp + settle + release
    part = window(time, 0.0, min(_SHOWN * slot, time[-1]))
    figure = new_figure(10.4, 4.9)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (1, 2.2), "hspace": 0.14})
    figure.subplots_adjust(0.085, 0.1, 0.9, 0.97)
    factor, unit = axis_scale(waves["err"][part], "V")
    upper.plot(*thin(1e3 * time[part], waves["err"][part] / factor), color=LIGHT["ink"], linewidth=0.8)
    upper.set_ylabel(f"read-out, {unit}")
    signals = {label: waves[pairs[label][0]][part] - waves[pairs[label][1]][part] for label in kept}
    factor, unit = axis_scale(np.concatenate(list(signals.values())), "V")
    ends = []
    for number, label in enumerate(kept):
        style = channel_style(number)
        lower.plot(*thin(1e3 * time[part], signals[label] / factor), linewidth=0.9, **style)
        ends.append((float(np.mean(signals[label][-20:])) / factor, label, style["color"]))
    for count in range(_SHOWN):
        for axes in (upper, lower):
            axes.axvspan(1e3 * count * slot, 1e3 * (count * slot + pause), color=LIGHT["shade"], linewidth=0)
    lower.set(ylabel=f"low-passes, {unit}", xlabel="time, ms", xlim=(0, 1e3 * float(time[part][-1])))
    name_lines(lower, ends)
    return figure


def comparison(record: Record, of: str, one: str, other: str) -> Mapping[str, Any]:
    """Return a stored comparison, or an empty mapping."""
    rows = items(record.result, "summary", of, "comparisons")
    found = (row for row in rows if dig(row, "of") == one and dig(row, "against") == other)
    return next((row for row in found if isinstance(row, Mapping)), {})
